#include "cuda/plan/cost_model.h"

#include <gtest/gtest.h>

namespace pega::cuda {
namespace {

constexpr std::uint64_t kKiB = 1024;

CostModel Cost() {
  CostModel cost;
  cost.direction[1].pitched_bytes_per_s = {10, 20, 40, 50, 60, 70, 80, 90, 95, 100};
  return cost;
}

double Rate(std::uint64_t row_bytes) {
  return Cost().PitchedBytesPerSecond(Direction::kToHost, row_bytes);
}

TEST(CostModel, KnowsTheRowsThatWereMeasured) {
  EXPECT_DOUBLE_EQ(Rate(4 * kKiB), 10);
  EXPECT_DOUBLE_EQ(Rate(8 * kKiB), 20);
  EXPECT_DOUBLE_EQ(Rate(1024 * kKiB), 95);
  EXPECT_DOUBLE_EQ(Rate(2048 * kKiB), 100);
}

TEST(CostModel, InterpolatesBetweenTwo) {
  EXPECT_DOUBLE_EQ(Rate(6 * kKiB), 15);
  EXPECT_DOUBLE_EQ(Rate(12 * kKiB), 30);
  EXPECT_DOUBLE_EQ(Rate(20 * kKiB), 42.5);
  EXPECT_DOUBLE_EQ(Rate(1536 * kKiB), 97.5);
}

TEST(CostModel, AShorterRowTakesAsLongAsTheShortest) {
  EXPECT_DOUBLE_EQ(Rate(2 * kKiB), 5);
  EXPECT_DOUBLE_EQ(Rate(1), 10.0 / 4096);
}

TEST(CostModel, ALongerRowIsAsFastAsTheLongest) {
  EXPECT_DOUBLE_EQ(Rate(3 * 1024 * kKiB), 100);
  EXPECT_DOUBLE_EQ(Rate(std::uint64_t{1} << 40), 100);
}

TEST(CostModel, DirectionsDiffer) {
  EXPECT_DOUBLE_EQ(Cost().PitchedBytesPerSecond(Direction::kToDevice, 4 * kKiB), 18e9);
}

}  // namespace
}  // namespace pega::cuda
