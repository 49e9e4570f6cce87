// DeviceBlocks: a KV cache on a GPU as an engine keeps one: an allocation a layer, block after block.
//
// Written and read back through a pinned buffer on a stream of its own, outside of timed parts.
// Thread safety: one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "cuda/driver/handles.h"
#include "transfer/layout.h"

namespace pega::gauge {

// Segments (a block's bytes in one layer) that are not what they must be.
struct WrongBytes {
  std::uint64_t segments = 0;
  std::string first;  // "device block 7, layer 3, byte 128"; empty if there are none

  void Add(const WrongBytes& more) {
    if (first.empty()) first = more.first;
    segments += more.segments;
  }
};

struct BlockRange {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};
// The key (block_pattern.h) of what a block must hold.
using KeyOf = std::function<std::uint64_t(std::uint32_t block)>;

class DeviceBlocks {
 public:
  // kDevice, for want of memory too.
  static Result<std::unique_ptr<DeviceBlocks>> Allocate(cuda::ContextPtr context,
                                                        std::uint64_t segment_bytes,
                                                        std::uint32_t layers,
                                                        std::uint32_t blocks,
                                                        std::uint32_t threads);

  Result<BlockLayout> Layout() const;
  Status Clear(BlockRange blocks);  // to bytes that no pattern has
  Status Write(BlockRange blocks, std::uint64_t seed, const KeyOf& key_of);
  Result<WrongBytes> Check(BlockRange blocks, std::uint64_t seed, const KeyOf& key_of);

  static constexpr std::uint64_t kSegmentBytesMax = std::uint64_t{32} << 20;

 private:
  DeviceBlocks(cuda::ContextPtr context, std::uint64_t segment_bytes, std::uint32_t blocks,
               std::uint32_t threads)
      : context_(std::move(context)),
        segment_bytes_(segment_bytes),
        blocks_(blocks),
        threads_(threads) {}
  // Calls `visit` for each part of a layer that fits the buffer.
  Status ForEachPart(BlockRange blocks,
                     const std::function<Status(std::uint32_t layer, BlockRange part)>& visit);
  cuda::CUdeviceptr Address(std::uint32_t layer, std::uint32_t block) const {
    return layers_[layer].get() + block * segment_bytes_;
  }
  std::span<std::byte> InBuffer(std::uint32_t index) const {
    return {static_cast<std::byte*>(buffer_.get()) + index * segment_bytes_, segment_bytes_};
  }

  const cuda::ContextPtr context_;
  const std::uint64_t segment_bytes_;
  const std::uint32_t blocks_;
  const std::uint32_t threads_;
  std::vector<cuda::DeviceMemory> layers_;
  std::uint64_t buffer_bytes_ = 0;
  cuda::HostMemory buffer_;
  cuda::Stream stream_;
};

}  // namespace pega::gauge
