// Staging: buffers in HBM between the link and the blocks, two of a direction, used in turn.
//
// A buffer is filled by one stream and emptied by another; its two events order them: `filled` is
// recorded behind the fill, `emptied` behind the emptying, and the next fill waits for that one,
// whichever lane it belongs to. Allocated once, outside of torch's allocator, which may be inside
// of its sleep-mode pool (PROTOCOL §6). Thread safety: none; lanes that share one share a mutex.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "cuda/driver/handles.h"

namespace pega::cuda {

struct StagingBuffer {
  CUdeviceptr address = 0;
  Event filled;
  Event emptied;
  bool used = false;  // emptied has been recorded at least once
};

class Staging {
 public:
  Staging() = default;
  // Two buffers within [address, address + 2 × chunk_bytes). REQUIRES: the context is current.
  static Result<Staging> Create(const ContextPtr& context, CUdeviceptr address,
                                std::uint64_t chunk_bytes);
  StagingBuffer& Next() { return buffers_[next_++ % buffers_.size()]; }
  std::span<StagingBuffer> buffers() { return buffers_; }
  std::uint64_t chunk_bytes() const { return chunk_bytes_; }

 private:
  std::array<StagingBuffer, 2> buffers_;
  std::size_t next_ = 0;
  std::uint64_t chunk_bytes_ = 0;
};

// `wanted_bytes` of HBM, halved until the driver gives them. kNoSpace below `least_bytes`.
struct StagingMemory {
  DeviceMemory memory;
  std::uint64_t bytes = 0;
};
Result<StagingMemory> AllocateStaging(const ContextPtr& context, std::uint64_t wanted_bytes,
                                      std::uint64_t least_bytes);

}  // namespace pega::cuda
