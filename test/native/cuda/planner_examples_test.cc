// Plans of the cases that matter, worked out by hand: one run, runs of 16, shuffled blocks, layers
// of a block together, K and V apart, ends of pieces, long rows.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "base/limits.h"
#include "cuda/plan/planner.h"

namespace pega::cuda {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;
constexpr std::uint64_t kDevice = std::uint64_t{1} << 46;
constexpr std::uint64_t kLayerBytes = std::uint64_t{1} << 38;  // between two layers' tensors
constexpr std::uint64_t kSlab = std::uint64_t{1} << 50;
constexpr std::uint64_t kSlabBytes = kSlabBytesMax;
constexpr std::uint64_t kChunkBytes = 20 * kMiB;
constexpr std::uint32_t kBlocks = 4096;

// 32 layers, each a tensor of its own in which a block has `segments` segments.
BlockLayout LayerTensors(std::uint64_t layer_bytes, std::uint32_t segments = 1) {
  std::vector<Allocation> allocations;
  std::vector<LayerSegment> layers;
  const std::uint64_t bytes = layer_bytes / segments;
  for (std::uint32_t layer = 0; layer < 32; ++layer) {
    allocations.push_back({kDevice + layer * kLayerBytes, kBlocks * layer_bytes});
    for (std::uint32_t i = 0; i < segments; ++i) {
      layers.push_back({layer, layer, i * kBlocks * bytes, bytes, bytes});
    }
  }
  return BlockLayout::Create(allocations, layers, kBlocks).value();
}

BlockLayout LayersTogether(std::uint64_t layer_bytes) {
  std::vector<LayerSegment> layers;
  for (std::uint32_t layer = 0; layer < 32; ++layer) {
    layers.push_back({layer, 0, layer * layer_bytes, 32 * layer_bytes, layer_bytes});
  }
  return BlockLayout::Create({{kDevice, kBlocks * 32 * layer_bytes}}, layers, kBlocks).value();
}

SlabAddress Addresses() {
  return [](std::uint32_t ordinal) -> Result<std::uint64_t> {
    return kSlab + ordinal * 2 * kSlabBytes;
  };
}

// Slot `index` of a pool whose slots have `pitch` bytes.
SlotAddress Slot(std::uint64_t index, std::uint64_t pitch) {
  const std::uint64_t per_slab = kSlabBytes / pitch;
  return {static_cast<std::uint32_t>(index / per_slab),
          static_cast<std::uint32_t>(index % per_slab * pitch / kPageBytes)};
}

std::vector<BlockCopy> Neighbours(std::uint32_t count, std::uint64_t pitch) {
  std::vector<BlockCopy> blocks;
  for (std::uint32_t i = 0; i < count; ++i) blocks.push_back({100 + i, Slot(i, pitch)});
  return blocks;
}

void ShuffleDevice(std::vector<BlockCopy>& blocks) {
  std::mt19937 random(1);
  for (std::size_t i = blocks.size(); i > 1; --i) {
    std::swap(blocks[i - 1].device_block, blocks[random() % i].device_block);
  }
}

CopyPlan Plan(const BlockLayout& layout, const std::vector<BlockCopy>& blocks,
              std::uint32_t end_layer, PlannerOptions options = {},
              std::optional<std::uint64_t> calls_max = {}) {
  return Planner(layout, options)
      .Plan({.blocks = blocks, .end_layer = end_layer}, kChunkBytes, Addresses(), calls_max)
      .value();
}

// On a machine whose kernels are slow.
PlannerOptions SlowKernels() {
  PlannerOptions options;
  for (DirectionCost& cost : options.cost.direction) cost.staged_bytes_per_s = 40e9;
  return options;
}

void ExpectCopy(const PitchedCopy& copy, const PitchedCopy& expected) {
  EXPECT_EQ(copy.host_address, expected.host_address);
  EXPECT_EQ(copy.host_pitch_bytes, expected.host_pitch_bytes);
  EXPECT_EQ(copy.device_address, expected.device_address);
  EXPECT_EQ(copy.device_pitch_bytes, expected.device_pitch_bytes);
  EXPECT_EQ(copy.row_bytes, expected.row_bytes);
  EXPECT_EQ(copy.rows, expected.rows);
}

TEST(PlannerExamples, OneRunIsAPitchedCopyForEachLayer) {
  const CopyPlan plan = Plan(LayerTensors(64 * kKiB), Neighbours(32, 2 * kMiB), 4);
  ASSERT_EQ(plan.direct.size(), 4U);
  EXPECT_TRUE(plan.chunks.empty());
  EXPECT_EQ(plan.driver_calls, 4U + 3U);
  for (std::uint64_t layer = 0; layer < 4; ++layer) {
    ExpectCopy(plan.direct[layer],
               {kSlab + layer * 64 * kKiB, 2 * kMiB,
                kDevice + layer * kLayerBytes + 100 * 64 * kKiB, 64 * kKiB, 64 * kKiB, 32});
  }
}

TEST(PlannerExamples, TheSameRunInAnyOrderIsTheSamePlan) {
  std::vector<BlockCopy> blocks = Neighbours(32, 2 * kMiB);
  std::reverse(blocks.begin(), blocks.end());
  const CopyPlan plan = Plan(LayerTensors(64 * kKiB), blocks, 4);
  ASSERT_EQ(plan.direct.size(), 4U);
  EXPECT_EQ(plan.direct[0].rows, 32U);
}

TEST(PlannerExamples, ShortRowsOfARunAreStaged) {
  const CopyPlan plan = Plan(LayerTensors(8 * kKiB), Neighbours(256, 256 * kKiB), 4);
  EXPECT_TRUE(plan.direct.empty());
  ASSERT_EQ(plan.chunks.size(), 2U);  // 8 MiB would fit one
  EXPECT_EQ(plan.chunks[0].block_count, 128U);
  ASSERT_EQ(plan.staged_copies.size(), 2U);
  ExpectCopy(plan.staged_copies[1],
             {kSlab + 128 * 256 * kKiB, 256 * kKiB, 0, 32 * kKiB, 32 * kKiB, 128});
}

TEST(PlannerExamples, RunsOf16) {
  std::vector<BlockCopy> blocks;
  for (std::uint32_t i = 0; i < 64; ++i) {
    blocks.push_back({i + i / 16 * 7, Slot(i + i / 16 * 16, 2 * kMiB)});
  }
  const BlockLayout layout = LayerTensors(64 * kKiB);
  const CopyPlan free = Plan(layout, blocks, 4, SlowKernels());
  ASSERT_EQ(free.direct.size(), 16U);  // 4 runs × 4 layers
  EXPECT_EQ(free.direct[0].rows, 16U);
  EXPECT_EQ(free.direct[4].device_address, kDevice + 23 * 64 * kKiB);
  // Four copies and two chunks of 8 MiB; the chunks end where a run does. With fewer calls, one.
  const CopyPlan bound = Plan(layout, blocks, 4, SlowKernels(), 17);
  EXPECT_TRUE(bound.direct.empty());
  EXPECT_EQ(bound.driver_calls, 4U + 2 * 5 + 3);
  const CopyPlan tight = Plan(layout, blocks, 4, SlowKernels(), 12);
  ASSERT_EQ(tight.chunks.size(), 1U);
  EXPECT_EQ(tight.driver_calls, 4U + 5 + 3);
  EXPECT_EQ(Plan(layout, blocks, 4, SlowKernels(), 3).driver_calls, 4U + 5 + 3);  // none has fewer
}

TEST(PlannerExamples, ShuffledBlocksAreStagedInEvenChunks) {
  std::vector<BlockCopy> blocks = Neighbours(256, 2 * kMiB);
  ShuffleDevice(blocks);
  const CopyPlan plan = Plan(LayerTensors(64 * kKiB), blocks, 4);
  EXPECT_TRUE(plan.direct.empty());
  EXPECT_EQ(plan.row_bytes, 256 * kKiB);
  ASSERT_EQ(plan.chunks.size(), 4U);  // 64 MiB
  for (const StagedChunk& chunk : plan.chunks) {
    EXPECT_EQ(chunk.block_count, 64U);
    EXPECT_EQ(chunk.copy_count, 2U);  // pieces of 64 MiB hold 32 slots
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_EQ(plan.staged_block_ids[i], blocks[i].device_block);
  }
  EXPECT_EQ(plan.driver_calls, 8U + 4 * 5 + 3);
}

TEST(PlannerExamples, RunsAmongShuffledBlocksGoDirectly) {
  std::vector<BlockCopy> blocks = Neighbours(512, 2 * kMiB);
  std::vector<BlockCopy> shuffled(blocks.begin() + 256, blocks.end());
  ShuffleDevice(shuffled);
  std::copy(shuffled.begin(), shuffled.end(), blocks.begin() + 256);
  PlannerOptions options;  // kernels so slow that long runs are not theirs, and two neighbours are
  options.cost.direction[0].staged_bytes_per_s = 50e9;
  const CopyPlan plan = Plan(LayerTensors(64 * kKiB), blocks, 1, options);
  EXPECT_EQ(plan.direct.size(), 8U);  // pieces
  EXPECT_EQ(plan.staged_block_ids.size(), 256U);
  EXPECT_EQ(plan.staged_block_ids[0], blocks[256].device_block);
}

TEST(PlannerExamples, LayersTogetherAreOneSpan) {
  const BlockLayout layout = LayersTogether(64 * kKiB);
  EXPECT_EQ(Planner(layout, {}).Spans(0, 32).size(), 1U);
  // Whole blocks are one long row on both sides, cut only at the ends of pieces.
  const CopyPlan whole = Plan(layout, Neighbours(48, 2 * kMiB), 32);
  ASSERT_EQ(whole.direct.size(), 2U);
  ExpectCopy(whole.direct[0], {kSlab, 64 * kMiB, kDevice + 200 * kMiB, 64 * kMiB, 64 * kMiB, 1});
  ExpectCopy(whole.direct[1],
             {kSlab + 64 * kMiB, 32 * kMiB, kDevice + 264 * kMiB, 32 * kMiB, 32 * kMiB, 1});
  const CopyPlan group = Plan(layout, Neighbours(32, 2 * kMiB), 4);
  ASSERT_EQ(group.direct.size(), 1U);
  ExpectCopy(group.direct[0], {kSlab, 2 * kMiB, kDevice + 200 * kMiB, 2 * kMiB, 256 * kKiB, 32});
}

TEST(PlannerExamples, StagedWholeSlotsAreLongRows) {
  std::vector<BlockCopy> blocks = Neighbours(40, 2 * kMiB);
  ShuffleDevice(blocks);
  const CopyPlan plan = Plan(LayerTensors(64 * kKiB), blocks, 32, {.choice = PlanChoice::kStaged});
  ASSERT_EQ(plan.chunks.size(), 4U);  // 80 MiB
  ASSERT_EQ(plan.staged_copies.size(), 5U);
  ExpectCopy(plan.staged_copies[0], {kSlab, 20 * kMiB, 0, 20 * kMiB, 20 * kMiB, 1});
  ExpectCopy(plan.staged_copies[4],
             {kSlab + 64 * kMiB, 16 * kMiB, 4 * kMiB, 16 * kMiB, 16 * kMiB, 1});
}

TEST(PlannerExamples, BlocksApartOnTheDeviceAreRowsOfWholeSlots) {
  const BlockLayout layout =
      BlockLayout::Create({{kDevice, 3 * kMiB * kBlocks}}, {{0, 0, 0, 3 * kMiB, 2 * kMiB}}, kBlocks)
          .value();
  const CopyPlan plan = Plan(layout, Neighbours(32, 2 * kMiB), 1);
  ASSERT_EQ(plan.direct.size(), 1U);
  ExpectCopy(plan.direct[0], {kSlab, 2 * kMiB, kDevice + 300 * kMiB, 3 * kMiB, 2 * kMiB, 32});
}

TEST(PlannerExamples, KAndVApartAreTwoSpansALayer) {
  const BlockLayout layout = LayerTensors(128 * kKiB, 2);
  const std::vector<RowSpan> spans = Planner(layout, {}).Spans(1, 3);
  ASSERT_EQ(spans.size(), 4U);
  EXPECT_EQ(spans[1].device_address, kDevice + kLayerBytes + kBlocks * 64 * kKiB);
  EXPECT_EQ(spans[1].row_offset_bytes, 64 * kKiB);
  EXPECT_EQ(spans[2].row_offset_bytes, 128 * kKiB);
  const CopyPlan plan = Plan(layout, Neighbours(16, 4 * kMiB), 1);
  ASSERT_EQ(plan.direct.size(), 2U);
  EXPECT_EQ(plan.direct[1].host_address, kSlab + 64 * kKiB);
}

TEST(PlannerExamples, ARowOverTheEndOfAPieceIsCut) {
  const BlockLayout layout = LayerTensors(96 * kKiB);  // slots of 3 MiB
  const CopyPlan plan = Plan(layout, Neighbours(22, 3 * kMiB), 32, {.choice = PlanChoice::kDirect});
  // Slot 21 begins at 63 MiB: layers 0 to 9 are before the end, 10 is cut, the others behind it.
  ASSERT_EQ(plan.direct.size(), 10U + 3 + 21 * 2);
  EXPECT_EQ(plan.direct[0].rows, 22U);
  EXPECT_EQ(plan.direct[10].rows, 21U);
  EXPECT_EQ(plan.direct[11].row_bytes, 64 * kKiB);
  EXPECT_EQ(plan.direct[12].row_bytes, 32 * kKiB);
  EXPECT_EQ(plan.direct[12].host_address, kSlab + 64 * kMiB);
}

TEST(PlannerExamples, NoRunGoesOverTheEndOfASlab) {
  std::vector<BlockCopy> blocks;
  for (std::uint32_t i = 0; i < 8; ++i) blocks.push_back({i, Slot(508 + i, 2 * kMiB)});
  const CopyPlan plan = Plan(LayerTensors(64 * kKiB), blocks, 1);
  ASSERT_EQ(plan.direct.size(), 2U);
  EXPECT_EQ(plan.direct[0].rows, 4U);
  EXPECT_EQ(plan.direct[1].host_address, kSlab + 2 * kSlabBytes);
}

TEST(PlannerExamples, ALayerLongerThanAChunkGoesDirectly) {
  const BlockLayout layout = LayerTensors(24 * kMiB);
  const Planner planner(layout, {.choice = PlanChoice::kStaged});
  EXPECT_EQ(planner.StageableEnds(0, 3, kChunkBytes), (std::vector<std::uint32_t>{1, 2, 3}));
  EXPECT_EQ(planner.StageableEnds(0, 5, 50 * kMiB), (std::vector<std::uint32_t>{2, 4, 5}));
  EXPECT_EQ(planner.StageableEnds(7, 12, 500 * kMiB), (std::vector<std::uint32_t>{12}));
  const CopyPlan plan = Plan(layout, Neighbours(1, 768 * kMiB), 1, {.choice = PlanChoice::kStaged});
  ASSERT_EQ(plan.direct.size(), 1U);
  EXPECT_EQ(plan.direct[0].row_bytes, 24 * kMiB);
}

TEST(PlannerExamples, AUnknownSlabIsToldAsItIs) {
  const BlockLayout layout = LayerTensors(64 * kKiB);
  const std::vector<BlockCopy> blocks = Neighbours(2, 2 * kMiB);
  const auto plan = Planner(layout, {})
                        .Plan({.blocks = blocks, .end_layer = 1}, kChunkBytes,
                              [](std::uint32_t) -> Result<std::uint64_t> {
                                return Status(Code::kTimeout, "not yet");
                              },
                              {});
  EXPECT_EQ(plan.status().code(), Code::kTimeout);
}

TEST(PlannerGroups, AreEvenAndAsManyAsTheCallsAllow) {
  const BlockLayout layout = LayerTensors(64 * kKiB);
  const Planner planner(layout, {});
  std::vector<BlockCopy> blocks = Neighbours(64, 2 * kMiB);
  ShuffleDevice(blocks);
  const auto fit = [&](std::uint32_t layers, std::uint64_t calls_max) {
    return planner.FitGroups(blocks, layers, kChunkBytes, Addresses(), calls_max);
  };
  EXPECT_EQ(fit(4, 500), (std::vector<std::uint32_t>{4, 8, 12, 16, 20, 24, 28, 32}));
  EXPECT_EQ(fit(5, 500), (std::vector<std::uint32_t>{4, 9, 13, 18, 22, 27, 32}));
  EXPECT_EQ(fit(0, 5000).size(), 32U);
  EXPECT_EQ(fit(64, 500), (std::vector<std::uint32_t>{32}));
  EXPECT_EQ(fit(4, 20), (std::vector<std::uint32_t>{}));
  for (const std::uint64_t calls_max : {50, 60, 80, 100, 150}) {
    std::uint64_t calls = 0;
    std::uint32_t begin = 0;
    for (const std::uint32_t end : fit(4, calls_max)) {
      const CopyPiece piece{.blocks = blocks, .first_layer = begin, .end_layer = end};
      calls +=
          planner
              .Plan(piece, kChunkBytes, Addresses(), planner.CallsOfGroup(calls_max, end - begin))
              .value()
              .driver_calls;
      begin = end;
    }
    EXPECT_EQ(begin, 32U);
    EXPECT_LE(calls, calls_max);
  }
}

TEST(PlannerLimits, TheLargestJob) {
  const BlockLayout layout = LayersTogether(4 * kKiB);
  std::vector<BlockCopy> blocks;
  for (std::uint32_t i = 0; i < kBlocksPerJobMax; ++i) {
    blocks.push_back({i * 7 % kBlocks, Slot(i, 128 * kKiB)});
  }
  std::uint32_t asked = 0;
  const auto plan = Planner(layout, {})
                        .Plan({.blocks = blocks, .end_layer = 32}, kChunkBytes,
                              [&](std::uint32_t ordinal) {
                                ++asked;
                                return Addresses()(ordinal);
                              },
                              {});
  EXPECT_EQ(plan.value().staged_block_ids.size(), kBlocksPerJobMax);
  EXPECT_EQ(asked, kBlocksPerJobMax / (kSlabBytes / (128 * kKiB)));
}

}  // namespace
}  // namespace pega::cuda
