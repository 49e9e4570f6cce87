// RandomLayout: device memory in one of the shapes that engines use, with guard bytes around it,
// and what a block's slot must hold, worked out from the shape alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "transfer/layout.h"

namespace pega {

class RandomLayout {
 public:
  explicit RandomLayout(std::mt19937_64& random) : random_(random) {
    layers_ = 1 + Below(9);
    per_layer_ = 1 + Below(3);
    blocks_ = 1 + Below(24);
    switch (Below(3)) {
      case 0: OneAllocationASegment(); break;
      case 1: SplitWithinALayer(); break;
      case 2: AllLayersOfABlockTogether(); break;
    }
    memory_.resize(allocations_.size());
    for (std::size_t i = 0; i < allocations_.size(); ++i) {
      memory_[i].resize(allocations_[i]);
      Scramble(memory_[i]);
    }
  }

  BlockLayout Layout() const {
    std::vector<Allocation> allocations;
    for (const auto& bytes : memory_) {
      allocations.push_back({reinterpret_cast<std::uint64_t>(bytes.data()), bytes.size()});
    }
    return BlockLayout::Create(allocations, segments_, blocks_).value();
  }
  // The same shape with each allocation elsewhere.
  BlockLayout LayoutAt(const std::vector<std::uint64_t>& addresses) const {
    std::vector<Allocation> allocations;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
      allocations.push_back({addresses[i], memory_[i].size()});
    }
    return BlockLayout::Create(allocations, segments_, blocks_).value();
  }
  std::uint32_t blocks() const { return blocks_; }
  std::uint32_t layers() const { return layers_; }
  std::vector<std::vector<std::uint8_t>>& memory() { return memory_; }
  void Scramble() {
    for (auto& bytes : memory_) Scramble(bytes);
  }

  // A block's bytes in slot order, read from (or put into) an image of the memory.
  std::vector<std::uint8_t> SlotOf(std::uint32_t block) const {
    std::vector<std::uint8_t> slot;
    for (const LayerSegment& s : segments_) {
      const auto from = memory_[s.allocation].begin() +
                        static_cast<std::ptrdiff_t>(s.offset_bytes + block * s.block_stride_bytes);
      slot.insert(slot.end(), from, from + static_cast<std::ptrdiff_t>(s.bytes));
    }
    return slot;
  }
  void PutSlot(std::uint32_t block, const std::vector<std::uint8_t>& slot,
               std::vector<std::vector<std::uint8_t>>& image) const {
    auto from = slot.begin();
    for (const LayerSegment& s : segments_) {
      std::copy_n(from, s.bytes,
                  image[s.allocation].begin() +
                      static_cast<std::ptrdiff_t>(s.offset_bytes + block * s.block_stride_bytes));
      from += static_cast<std::ptrdiff_t>(s.bytes);
    }
  }

 private:
  std::uint32_t Below(std::uint64_t n) { return static_cast<std::uint32_t>(random_() % n); }
  std::uint64_t Bytes() { return 1 + Below(Below(2) == 0 ? 64 : 6000); }
  void Scramble(std::vector<std::uint8_t>& bytes) {
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random_());
  }

  void OneAllocationASegment() {
    for (std::uint32_t layer = 0; layer < layers_; ++layer) {
      for (std::uint32_t i = 0; i < per_layer_; ++i) {
        const std::uint64_t bytes = Bytes();
        const std::uint64_t stride = bytes + Below(32);
        const std::uint64_t offset = Below(64);
        segments_.push_back(
            {layer, static_cast<std::uint32_t>(allocations_.size()), offset, stride, bytes});
        allocations_.push_back(offset + (blocks_ - 1) * stride + bytes + Below(64));
      }
    }
  }
  void SplitWithinALayer() {  // K of all blocks, then V of all blocks
    for (std::uint32_t layer = 0; layer < layers_; ++layer) {
      std::uint64_t offset = Below(16);
      for (std::uint32_t i = 0; i < per_layer_; ++i) {
        const std::uint64_t bytes = Bytes();
        segments_.push_back({layer, layer, offset, bytes, bytes});
        offset += blocks_ * bytes;
      }
      allocations_.push_back(offset + Below(16));
    }
  }
  void AllLayersOfABlockTogether() {
    std::uint64_t offset = 0;
    for (std::uint32_t layer = 0; layer < layers_; ++layer) {
      for (std::uint32_t i = 0; i < per_layer_; ++i) {
        const std::uint64_t bytes = Bytes();
        segments_.push_back({layer, 0, offset, 0, bytes});
        offset += bytes + (Below(3) == 0 ? Below(16) : 0);
      }
    }
    for (LayerSegment& segment : segments_) segment.block_stride_bytes = offset;
    allocations_.push_back(blocks_ * offset);
  }

  std::mt19937_64& random_;
  std::uint32_t layers_ = 0;
  std::uint32_t per_layer_ = 0;
  std::uint32_t blocks_ = 0;
  std::vector<LayerSegment> segments_;
  std::vector<std::uint64_t> allocations_;  // bytes of each
  std::vector<std::vector<std::uint8_t>> memory_;
};

}  // namespace pega
