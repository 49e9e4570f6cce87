// Patterns tell any two places apart, and orders are permutations with the runs they promise.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "gauge/block_order.h"
#include "gauge/block_pattern.h"

namespace pega::gauge {
namespace {

TEST(BlockPattern, FindsTheWordThatIsWrong) {
  std::vector<std::byte> segment(16'392);
  const std::uint64_t start = PatternStart(7, 3, 5);
  WritePattern(start, segment);
  EXPECT_EQ(FindWrongWord(start, segment), std::nullopt);
  for (const std::size_t at : {std::size_t{0}, std::size_t{4095}, std::size_t{16'391}}) {
    segment[at] ^= std::byte{1};
    EXPECT_EQ(FindWrongWord(start, segment), at / 8 * 8);
    segment[at] ^= std::byte{1};
  }
}

TEST(BlockPattern, NoTwoPlacesStartAlike) {
  std::set<std::uint64_t> starts;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    for (std::uint64_t key = 0; key < 64; ++key) {
      for (std::uint32_t layer = 0; layer < 32; ++layer) {
        starts.insert(PatternStart(seed, key, layer));
      }
    }
  }
  EXPECT_EQ(starts.size(), 4 * 64 * 32);
}

std::uint32_t Neighbours(const std::vector<std::uint32_t>& order) {
  std::uint32_t count = 0;
  for (std::size_t i = 1; i < order.size(); ++i) count += order[i] == order[i - 1] + 1 ? 1 : 0;
  return count;
}

TEST(BlockOrder, IsAPermutationWithItsRuns) {
  for (const Order order : {Order::kRun, Order::kRuns16, Order::kShuffled}) {
    for (const std::uint32_t count : {1U, 16U, 625U}) {
      std::vector<std::uint32_t> blocks = MakeOrder(order, count, 3);
      EXPECT_EQ(blocks, MakeOrder(order, count, 3));
      std::ranges::sort(blocks);
      for (std::uint32_t i = 0; i < count; ++i) ASSERT_EQ(blocks[i], i);
    }
  }
  EXPECT_EQ(Neighbours(MakeOrder(Order::kRun, 640, 1)), 639);
  const std::uint32_t runs = Neighbours(MakeOrder(Order::kRuns16, 640, 1));
  EXPECT_GE(runs, 40 * 15);
  EXPECT_LE(runs, 40 * 15 + 5);
  EXPECT_LE(Neighbours(MakeOrder(Order::kShuffled, 640, 1)), 10);
}

}  // namespace
}  // namespace pega::gauge
