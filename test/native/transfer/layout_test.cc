#include "transfer/layout.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/limits.h"
#include "transfer/segment_overlap.h"

namespace pega {
namespace {

constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();

void ExpectInvalid(std::vector<Allocation> allocations, std::vector<LayerSegment> segments,
                   std::uint64_t block_count, const std::string& words) {
  const auto layout = BlockLayout::Create(std::move(allocations), std::move(segments), block_count);
  ASSERT_FALSE(layout.ok()) << "expected: " << words;
  EXPECT_EQ(layout.status().code(), Code::kInvalidArgument);
  EXPECT_NE(layout.status().message().find(words), std::string::npos) << layout.status().message();
}

const std::vector<Allocation> kOne = {{.address = 0x10000, .bytes = 4096}};

TEST(Layout, PutsLayersBackToBack) {
  const auto layout = BlockLayout::Create(
      {{.address = 0x10000, .bytes = 1000}, {.address = 0x20000, .bytes = 2000}},
      {{.layer = 0, .allocation = 0, .offset_bytes = 8, .block_stride_bytes = 100, .bytes = 40},
       {.layer = 0, .allocation = 0, .offset_bytes = 48, .block_stride_bytes = 100, .bytes = 60},
       {.layer = 1, .allocation = 1, .offset_bytes = 0, .block_stride_bytes = 200, .bytes = 200}},
      9);
  ASSERT_TRUE(layout.ok()) << layout.status().message();
  EXPECT_EQ(layout.value().slot_bytes(), 300U);
  EXPECT_EQ(layout.value().layer_count(), 2U);
  EXPECT_EQ(layout.value().block_count(), 9U);
  const auto range = layout.value().LayerRange(1, 2);
  ASSERT_EQ(range.size(), 1U);
  EXPECT_EQ(range[0].slot_offset_bytes, 100U);
  EXPECT_EQ(range[0].device_address, 0x20000U);
  EXPECT_EQ(layout.value().LayerRange(0, 1).size(), 2U);
  EXPECT_EQ(layout.value().LayerRange(0, 1)[1].device_address, 0x10000U + 48);
  EXPECT_EQ(layout.value().LayerRange(0, 2).size(), 3U);
  EXPECT_EQ(layout.value().LayerRange(1, 1).size(), 0U);
}

TEST(Layout, RefusesWhatIsNotThere) {
  ExpectInvalid({}, {{0, 0, 0, 64, 64}}, 1, "no allocations");
  ExpectInvalid(kOne, {}, 1, "no layers");
  ExpectInvalid(kOne, {{0, 0, 0, 64, 64}}, 0, "0 blocks");
  ExpectInvalid(kOne, {{0, 0, 0, 64, 64}}, std::uint64_t{1} << 63, "9223372036854775808 blocks");
  ExpectInvalid(kOne, {{0, 1, 0, 64, 64}}, 1, "allocation 1 of 1");
  ExpectInvalid(kOne, {{0, 0, 0, 64, 0}}, 1, "segment 0 has 0 bytes");
  ExpectInvalid({{.address = 0, .bytes = 4096}}, {{0, 0, 0, 64, 64}}, 1,
                "allocation 0 has address 0");
  ExpectInvalid({{.address = 4096, .bytes = 0}}, {{0, 0, 0, 64, 64}}, 1, "0 bytes");
  ExpectInvalid({{.address = 4096, .bytes = kHuge}}, {{0, 0, 0, 64, 64}}, 1, "address space");
}

TEST(Layout, RefusesLayersOutOfOrder) {
  ExpectInvalid(kOne, {{1, 0, 0, 64, 64}}, 1, "segment 0 is of layer 1 where layer 0");
  ExpectInvalid(kOne, {{0, 0, 0, 64, 64}, {2, 0, 64, 64, 64}}, 1, "layer 2 where layer 1");
  ExpectInvalid(kOne, {{0, 0, 0, 64, 64}, {1, 0, 64, 64, 64}, {0, 0, 128, 64, 64}}, 1, "layer 0");
  std::vector<LayerSegment> many;
  for (std::uint32_t i = 0; i <= kSegmentsPerLayerMax; ++i) many.push_back({0, 0, i * 64, 64, 64});
  ExpectInvalid(kOne, many, 1, "more than 8 segments");
  many.clear();
  for (std::uint32_t i = 0; i <= kLayersMax; ++i) many.push_back({i, 0, i, 1, 1});
  ExpectInvalid(kOne, many, 1, "more than 1024 layers");
}

TEST(Layout, RefusesWhatLeavesItsAllocation) {
  ExpectInvalid(kOne, {{0, 0, 0, 512, 513}}, 8, "overlaps itself");
  ExpectInvalid(kOne, {{0, 0, 1, 512, 512}}, 8, "ends at byte 4097");
  ExpectInvalid(kOne, {{0, 0, 0, 512, 512}}, 9, "ends at byte 4608");
  ExpectInvalid(kOne, {{0, 0, 4096, 64, 64}}, 1, "ends at byte 4160");
  EXPECT_TRUE(BlockLayout::Create(kOne, {{0, 0, 0, 512, 512}}, 8).ok());
}

TEST(Layout, RefusesProductsThatOverflow) {
  ExpectInvalid(kOne, {{0, 0, 0, kHuge / 2, 64}}, 4, "passes 2^64");
  ExpectInvalid(kOne, {{0, 0, kHuge - 10, 64, 64}}, 1, "passes 2^64");
  ExpectInvalid(kOne, {{0, 0, kHuge - 10, 64, 8}}, 2, "passes 2^64");
  ExpectInvalid(kOne, {{0, 0, 0, kHuge, kHuge}}, std::uint64_t{1} << 32, "passes 2^64");
}

TEST(Layout, OneBlockNeedsNoStride) {
  EXPECT_TRUE(BlockLayout::Create(kOne, {{0, 0, 0, 0, 64}, {1, 0, 64, 0, 64}}, 1).ok());
  EXPECT_TRUE(BlockLayout::Create(kOne, {{0, 0, 0, kHuge, 64}, {1, 0, 64, kHuge, 64}}, 1).ok());
  ExpectInvalid(kOne, {{0, 0, 0, 0, 65}, {1, 0, 64, 0, 64}}, 1, "overlap on the device");
}

TEST(Layout, TakesKAndVSplitWithinOneAllocation) {
  // (2, blocks, …): all K, then all V.
  EXPECT_TRUE(BlockLayout::Create(kOne, {{0, 0, 0, 128, 128}, {0, 0, 2048, 128, 128}}, 16).ok());
  // (blocks, 2, …): K and V of a block side by side.
  EXPECT_TRUE(BlockLayout::Create(kOne, {{0, 0, 0, 256, 128}, {0, 0, 128, 256, 128}}, 16).ok());
  ExpectInvalid(kOne, {{0, 0, 0, 256, 128}, {0, 0, 127, 256, 128}}, 15, "overlap on the device");
}

TEST(Layout, TakesBlocksThatCrossLayers) {
  const std::uint32_t layers = 64;
  const std::uint64_t blocks = 100;
  const std::vector<Allocation> all = {{.address = 0x1000, .bytes = layers * 512 * blocks}};
  std::vector<LayerSegment> segments;
  for (std::uint32_t i = 0; i < layers; ++i) {
    segments.push_back({i, 0, i * 512, layers * 512, 512});
  }
  EXPECT_TRUE(BlockLayout::Create(all, segments, blocks).ok());
  segments[17].bytes = 513;
  ExpectInvalid(all, segments, blocks, "segment 17 (layer 17) and segment 18 (layer 18) overlap");
}

TEST(Layout, SeesOverlapThroughTwoAllocations) {
  ExpectInvalid({{.address = 0x10000, .bytes = 4096}, {.address = 0x10800, .bytes = 4096}},
                {{0, 0, 0, 256, 256}, {1, 1, 0, 256, 256}}, 9, "overlap on the device");
  EXPECT_TRUE(BlockLayout::Create(
                  {{.address = 0x10000, .bytes = 4096}, {.address = 0x10800, .bytes = 4096}},
                  {{0, 0, 0, 256, 256}, {1, 1, 0, 256, 256}}, 8)
                  .ok());
}

bool OverlapByLooking(const StridedRun& one, const StridedRun& other, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t a = one.start + i * one.stride;
    for (std::uint64_t j = 0; j < count; ++j) {
      const std::uint64_t b = other.start + j * other.stride;
      if (a < b + other.bytes && b < a + one.bytes) return true;
    }
  }
  return false;
}

TEST(SegmentsOverlap, AgreesWithLooking) {
  const std::uint64_t seed = std::random_device{}();
  RecordProperty("seed", std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t n) { return random() % n; };
  int overlapping = 0;
  for (int round = 0; round < 20000; ++round) {
    const std::uint64_t count = 1 + below(12);
    StridedRun runs[2];
    for (StridedRun& run : runs) {
      run.stride = 1 + below(40);
      run.bytes = 1 + below(std::min<std::uint64_t>(run.stride, 6));
      run.start = below(120);
    }
    const bool expected = OverlapByLooking(runs[0], runs[1], count);
    overlapping += expected ? 1 : 0;
    ASSERT_EQ(SegmentsOverlap(runs[0], runs[1], count), expected)
        << "seed " << seed << " round " << round << ": count " << count << " {" << runs[0].start
        << ", " << runs[0].stride << ", " << runs[0].bytes << "} {" << runs[1].start << ", "
        << runs[1].stride << ", " << runs[1].bytes << "}";
    ASSERT_EQ(SegmentsOverlap(runs[1], runs[0], count), expected) << "seed " << seed;
  }
  EXPECT_GT(overlapping, 1000);
  EXPECT_LT(overlapping, 19000);
}

TEST(SegmentsOverlap, HoldsAtTheEndsOfTheAddressSpace) {
  const std::uint64_t count = std::uint64_t{1} << 32;
  const std::uint64_t stride = (std::uint64_t{1} << 32) - 2;
  const std::uint64_t half = stride / 2;
  EXPECT_FALSE(SegmentsOverlap({1, stride, half}, {1 + half, stride, half}, count));
  EXPECT_TRUE(SegmentsOverlap({1, stride, half + 1}, {1 + half, stride, half}, count));
  EXPECT_TRUE(SegmentsOverlap({0, stride, 1}, {1, stride - 1, 1}, count));  // meet at i = 1
  EXPECT_FALSE(SegmentsOverlap({0, stride, 1}, {1, stride, 1}, count));
  EXPECT_TRUE(SegmentsOverlap({0, stride, stride}, {kHuge - 5, 1, 1}, 1) == false);
}

}  // namespace
}  // namespace pega
