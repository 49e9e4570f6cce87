// BlockIdRing: the block ids that kernels read, in pinned host memory.
//
// Kernels read them where they are: a copy into HBM would wait its turn behind the loads that keep
// the link busy (measured on an H100: stores beside loads fell to 12 GB/s). A piece's ids stay until
// it has ended; pieces of a lane end in the order they began, so the memory is a ring.
// Thread safety: none; it belongs to its lane.
#pragma once

#include <cstdint>
#include <deque>
#include <span>

#include "base/status.h"
#include "cuda/driver/handles.h"

namespace pega::cuda {

class BlockIdRing {
 public:
  // REQUIRES: the context is current on this thread.
  static Result<BlockIdRing> Create(const ContextPtr& context, std::uint64_t bytes);

  bool HasRoomFor(std::uint64_t id_count) const;
  // Where kernels read them. REQUIRES: HasRoomFor(ids.size()).
  CUdeviceptr Put(std::span<const std::uint32_t> ids);
  void GiveBackOldest();  // once for each Put

 private:
  std::uint64_t Place(std::uint64_t bytes) const;  // kNowhere if there is no room

  HostMemory memory_;
  std::uint64_t bytes_ = 0;
  struct Range {
    std::uint64_t begin, end;
  };
  std::deque<Range> in_use_;  // oldest first
};

}  // namespace pega::cuda
