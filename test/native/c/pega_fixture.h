// PegaTest: a pool, a place of an engine in it and a transfer of two layers, through pega.h. For
// tests.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "c/pega.h"
#include "transfer/test_pool.h"

namespace pega {

inline constexpr std::uint64_t kSlabBytes = std::uint64_t{4} << 20;
inline constexpr std::uint32_t kSoonMs = 60'000;

class PegaTest : public testing::Test {
 protected:
  pega_memory_options Place() {
    pega_memory_options place{};
    place.struct_bytes = sizeof(place);
    place.rank_count = 1;
    place.ordinal_capacity = 32;
    place.slab_bytes = kSlabBytes;
    place.boot_number = pool_.header().boot_number();
    place.folder_path = pool_.folder().path().c_str();
    place.slab_path = pool_.folder().slab_path().c_str();
    std::memcpy(place.pool_id, pool_.header().pool_id().data(), sizeof(place.pool_id));
    place.engine_id[0] = 9;
    place.nonce[0] = 5;
    return place;
  }
  pega_memory* Open() {
    const pega_memory_options place = Place();
    pega_memory* memory = nullptr;
    EXPECT_EQ(pega_memory_open(&place, &memory), PEGA_OK) << pega_last_message();
    return memory;
  }
  // Two layers of 8 KiB, 8 blocks.
  pega_transfer_options Shape() {
    allocations_ = {{reinterpret_cast<std::uint64_t>(memory_.data()), memory_.size()}};
    segments_ = {{0, 0, 0, 8192, 8192}, {1, 0, 65536, 8192, 8192}};
    pega_transfer_options shape{};
    shape.struct_bytes = sizeof(shape);
    shape.thread_count = 2;
    shape.allocations = allocations_.data();
    shape.allocation_count = allocations_.size();
    shape.segments = segments_.data();
    shape.segment_count = segments_.size();
    shape.block_count = 8;
    return shape;
  }
  pega_transfer* Create(pega_memory* memory) {
    const pega_transfer_options shape = Shape();
    pega_transfer* transfer = nullptr;
    EXPECT_EQ(pega_transfer_create(memory, &shape, &transfer), PEGA_OK) << pega_last_message();
    return transfer;
  }
  static pega_job Job(std::uint32_t kind, const std::vector<std::uint32_t>& blocks,
                      const std::vector<pega_slot>& slots) {
    pega_job job{};
    job.struct_bytes = sizeof(job);
    job.kind = kind;
    job.device_blocks = blocks.data();
    job.slots = slots.data();
    job.block_count = blocks.size();
    return job;
  }

  TestPool pool_{kSlabBytes, 2};
  std::vector<std::uint8_t> memory_ = std::vector<std::uint8_t>(2 * 65536);
  std::vector<pega_allocation> allocations_;
  std::vector<pega_segment> segments_;
};

}  // namespace pega
