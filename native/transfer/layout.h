// BlockLayout: where one block of a worker lies on its device and in a slot.
//
// A slot holds a block's layers back to back, in layer order, each layer's segments in order (K and
// V split give two). On the device segment s of block b starts at base + b × stride. Everything in
// bytes. Validated once, at construction; copies trust it afterwards.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"

namespace pega {

struct Allocation {  // one piece of device memory that the worker registered
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;
};

struct LayerSegment {
  std::uint32_t layer = 0;
  std::uint32_t allocation = 0;    // index
  std::uint64_t offset_bytes = 0;  // of block 0, within the allocation
  std::uint64_t block_stride_bytes = 0;
  std::uint64_t bytes = 0;  // contiguous, of one block
};

class BlockLayout {
 public:
  // kInvalidArgument when there are no layers or blocks, layers are not 0, 1, 2 … in order, a
  // segment leaves its allocation, products overflow, or two segments overlap on the device.
  static Result<BlockLayout> Create(std::vector<Allocation> allocations,
                                    std::vector<LayerSegment> segments, std::uint64_t block_count);

  struct Segment {
    std::uint32_t layer;
    std::uint64_t device_address;  // of block 0
    std::uint64_t block_stride_bytes;
    std::uint64_t bytes;
    std::uint64_t slot_offset_bytes;
  };
  std::span<const Segment> segments() const { return segments_; }
  std::uint64_t block_count() const { return block_count_; }
  std::uint64_t slot_bytes() const { return slot_bytes_; }  // unpadded
  std::uint32_t layer_count() const { return layer_count_; }
  // The segments of layers [first, end).
  std::span<const Segment> LayerRange(std::uint32_t first, std::uint32_t end) const;

 private:
  std::vector<Segment> segments_;
  std::uint64_t block_count_ = 0;
  std::uint64_t slot_bytes_ = 0;
  std::uint32_t layer_count_ = 0;
};

}  // namespace pega
