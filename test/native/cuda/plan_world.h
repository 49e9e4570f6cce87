// PlanWorld: slabs and device memory of this process, and a machine that carries out a CopyPlan
// byte by byte as a GPU would, checking what no driver would: that copies stay within registered
// pieces, chunks within the buffer, and that no byte is moved twice.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "cuda/plan/planner.h"
#include "transfer/random_layout.h"

namespace pega::cuda {

class PlanWorld {
 public:
  explicit PlanWorld(std::mt19937_64& random)
      : random_(random), device_(random), layout_(device_.Layout()) {
    const std::uint64_t slots = 1 + Below(12);
    slab_bytes_ = slots * pitch();
    piece_bytes_ = (1 + Below(Below(2) == 0 ? 4 : 3 * slab_bytes_ / kPageBytes)) * kPageBytes;
    slabs_.resize(1 + Below(3));
    for (auto& slab : slabs_) {
      slab.resize(slab_bytes_);
      for (std::size_t i = 0; i < slab_bytes_; i += 8) {
        const std::uint64_t word = random_();
        std::memcpy(slab.data() + i, &word, 8);
      }
    }
    ChooseBlocks(slots);
  }

  std::uint64_t Below(std::uint64_t n) { return random_() % n; }
  std::uint64_t pitch() const { return RoundUpToPage(layout_.slot_bytes()); }
  std::uint64_t piece_bytes() const { return piece_bytes_; }
  const BlockLayout& layout() const { return layout_; }
  const std::vector<BlockCopy>& blocks() const { return blocks_; }
  SlabAddress Address() {
    return [this](std::uint32_t ordinal) -> Result<std::uint64_t> {
      return reinterpret_cast<std::uint64_t>(slabs_[ordinal].data());
    };
  }

  struct Image {
    std::vector<std::vector<std::uint8_t>> device, slabs;
    friend bool operator==(const Image&, const Image&) = default;
  };
  Image Now() { return {device_.memory(), slabs_}; }
  // What must be there after layers [first, end) of all blocks were copied.
  Image Expected(Direction direction, std::uint32_t first, std::uint32_t end) {
    Image image = Now();
    for (const BlockCopy& block : blocks_) {
      const auto segments = layout_.LayerRange(first, end);
      const std::uint64_t from = segments.front().slot_offset_bytes;
      const std::uint64_t bytes = segments.back().slot_offset_bytes + segments.back().bytes - from;
      std::uint8_t* slot = image.slabs[block.slot.slab_ordinal].data() + block.slot.offset_bytes();
      std::vector<std::uint8_t> whole = device_.SlotOf(block.device_block);
      if (direction == Direction::kToHost) {
        std::memcpy(slot + from, whole.data() + from, bytes);
      } else {
        std::memcpy(whole.data() + from, slot + from, bytes);
        device_.PutSlot(block.device_block, whole, image.device);
      }
    }
    return image;
  }

  void Run(const CopyPlan& plan, const std::vector<RowSpan>& spans, Direction direction,
           std::uint64_t chunk_bytes) {
    touched_.assign(slabs_.size(), std::vector<std::uint8_t>(slab_bytes_));
    for (const StagedChunk& chunk : plan.chunks) {
      RunChunk(plan, chunk, spans, direction, chunk_bytes);
    }
    for (const PitchedCopy& copy : plan.direct) {
      CheckHost(copy);
      Move(copy, direction, 0);
    }
  }

 private:
  // Stretches of slots, in order or not, on blocks that follow each other or not.
  void ChooseBlocks(std::uint64_t slots) {
    std::vector<std::uint32_t> device(layout_.block_count());
    for (std::uint32_t i = 0; i < device.size(); ++i) device[i] = i;
    std::vector<SlotAddress> all;
    for (std::uint32_t slab = 0; slab < slabs_.size(); ++slab) {
      for (std::uint64_t i = 0; i < slots; ++i) {
        all.push_back({slab, static_cast<std::uint32_t>(i * (pitch() / kPageBytes))});
      }
    }
    Mix(device);
    Mix(all);
    const std::size_t count = 1 + Below(std::min(device.size(), all.size()));
    for (std::size_t i = 0; i < count; ++i) blocks_.push_back({device[i], all[i]});
  }
  template <typename T>
  void Mix(std::vector<T>& items) {
    const std::uint64_t swaps = Below(3) == 0 ? items.size() : Below(4);
    for (std::uint64_t i = 0; i < swaps; ++i) {
      const std::uint64_t from = Below(items.size());  // what lies before it goes further back
      const std::uint64_t to = from + Below(items.size() - from) + 1;
      std::rotate(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(from),
                  items.begin() + static_cast<std::ptrdiff_t>(to));
    }
  }

  void CheckHost(const PitchedCopy& copy) {
    const std::uint64_t last = copy.host_address + (copy.rows - 1) * copy.host_pitch_bytes;
    for (std::size_t s = 0; s < slabs_.size(); ++s) {
      const auto start = reinterpret_cast<std::uint64_t>(slabs_[s].data());
      if (copy.host_address < start || copy.host_address >= start + slab_bytes_) continue;
      ASSERT_LE(last + copy.row_bytes, start + slab_bytes_);
      ASSERT_EQ((copy.host_address - start) / piece_bytes_,
                (last + copy.row_bytes - 1 - start) / piece_bytes_);
      for (std::uint64_t row = 0; row < copy.rows; ++row) {
        std::uint8_t* touched =
            touched_[s].data() + (copy.host_address - start) + row * copy.host_pitch_bytes;
        ASSERT_EQ(std::memchr(touched, 1, copy.row_bytes), nullptr) << "a byte moved twice";
        std::memset(touched, 1, copy.row_bytes);
      }
      return;
    }
    FAIL() << "a copy outside all slabs";
  }

  static void Move(const PitchedCopy& copy, Direction direction, std::uint64_t buffer) {
    if (copy.rows > 1) {
      ASSERT_GE(copy.host_pitch_bytes, copy.row_bytes);
      ASSERT_GE(copy.device_pitch_bytes, copy.row_bytes);
    }
    for (std::uint64_t row = 0; row < copy.rows; ++row) {
      auto* host = reinterpret_cast<void*>(copy.host_address + row * copy.host_pitch_bytes);
      auto* device =
          reinterpret_cast<void*>(buffer + copy.device_address + row * copy.device_pitch_bytes);
      if (direction == Direction::kToDevice) {
        std::memcpy(device, host, copy.row_bytes);
      } else {
        std::memcpy(host, device, copy.row_bytes);
      }
    }
  }

  void RunChunk(const CopyPlan& plan, const StagedChunk& chunk, const std::vector<RowSpan>& spans,
                Direction direction, std::uint64_t chunk_bytes) {
    ASSERT_GT(chunk.block_count, 0U);
    ASSERT_LE(chunk.block_count * plan.row_bytes, chunk_bytes);
    std::vector<std::uint8_t> buffer(chunk.block_count * plan.row_bytes);
    const auto address = reinterpret_cast<std::uint64_t>(buffer.data());
    const auto copies = [&] {
      for (std::uint32_t i = 0; i < chunk.copy_count; ++i) {
        const PitchedCopy& copy = plan.staged_copies[chunk.first_copy + i];
        CheckHost(copy);
        ASSERT_LE(copy.device_address + (copy.rows - 1) * copy.device_pitch_bytes + copy.row_bytes,
                  buffer.size());
        Move(copy, direction, address);
      }
    };
    if (direction == Direction::kToDevice) copies();
    for (std::uint32_t row = 0; row < chunk.block_count; ++row) {
      const std::uint32_t block = plan.staged_block_ids[chunk.first_block + row];
      for (const RowSpan& span : spans) {
        auto* in_row = buffer.data() + row * plan.row_bytes + span.row_offset_bytes;
        auto* on_device = reinterpret_cast<void*>(span.device_address +
                                                  std::uint64_t{block} * span.block_stride_bytes);
        if (direction == Direction::kToDevice) {
          std::memcpy(on_device, in_row, span.bytes);
        } else {
          std::memcpy(in_row, on_device, span.bytes);
        }
      }
    }
    if (direction == Direction::kToHost) copies();
  }

  std::mt19937_64& random_;
  RandomLayout device_;
  BlockLayout layout_;
  std::uint64_t slab_bytes_ = 0;
  std::uint64_t piece_bytes_ = 0;
  std::vector<std::vector<std::uint8_t>> slabs_;
  std::vector<std::vector<std::uint8_t>> touched_;  // of each slab's bytes: times
  std::vector<BlockCopy> blocks_;
};

}  // namespace pega::cuda
