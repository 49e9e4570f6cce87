// Plans of random layouts, blocks, slots, pieces, chunks and costs move each byte to its place,
// once.
#include <gtest/gtest.h>

#include <array>
#include <optional>

#include "cuda/plan/driver_calls.h"
#include "plan_world.h"
#include "shared/seeds.h"

namespace pega::cuda {
namespace {

CostModel RandomCost(PlanWorld& world) {
  CostModel cost;
  const auto factor = [&] { return 0.1 + static_cast<double>(world.Below(1000)) / 100; };
  for (DirectionCost& direction : cost.direction) {
    direction.staged_bytes_per_s *= factor();
    for (double& rate : direction.pitched_bytes_per_s) rate *= factor();
  }
  cost.copy_seconds *= factor() / 10;
  cost.staged_seconds *= factor() / 10;
  cost.call_seconds *= factor() / 10;
  return cost;
}

PlanChoice RandomChoice(PlanWorld& world) {
  return std::array{PlanChoice::kAuto, PlanChoice::kAuto, PlanChoice::kDirect,
                    PlanChoice::kStaged}[world.Below(4)];
}

void CheckCounts(const CopyPlan& plan, std::size_t blocks) {
  EXPECT_EQ(plan.driver_calls, plan.direct.size() + plan.staged_copies.size() +
                                   plan.chunks.size() * kCallsPerChunk + kCallsPerPiece);
  EXPECT_LE(plan.staged_block_ids.size(), blocks);
  EXPECT_GT(plan.expected_seconds, 0);
  std::uint32_t block = 0;
  std::uint32_t copy = 0;
  for (const StagedChunk& chunk : plan.chunks) {
    EXPECT_EQ(chunk.first_block, block);
    EXPECT_EQ(chunk.first_copy, copy);
    EXPECT_GT(chunk.copy_count, 0U);
    block += chunk.block_count;
    copy += chunk.copy_count;
  }
  EXPECT_EQ(block, plan.staged_block_ids.size());
  EXPECT_EQ(copy, plan.staged_copies.size());
}

class Bytes : public testing::TestWithParam<int> {};

TEST_P(Bytes, EachGoesToItsPlaceOnce) {
  const auto seeds = static_cast<std::uint64_t>(Seeds(50, 1000));
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(GetParam()) + ", " + std::to_string(seed));
    std::mt19937_64 random(static_cast<std::uint64_t>(GetParam()) << 32 | seed);
    PlanWorld world(random);
    const Planner planner(world.layout(), {.pin_piece_bytes = world.piece_bytes(),
                                           .choice = RandomChoice(world),
                                           .cost = RandomCost(world)});
    const auto layers = world.layout().layer_count();
    const auto first = static_cast<std::uint32_t>(world.Below(layers));
    const auto end = first + 1 + static_cast<std::uint32_t>(world.Below(layers - first));
    const Direction direction = world.Below(2) == 0 ? Direction::kToDevice : Direction::kToHost;
    const std::uint64_t chunk_bytes = 1 + world.Below(3 * world.layout().slot_bytes());
    const std::optional<std::uint64_t> calls_max =
        world.Below(2) == 0 ? std::nullopt : std::optional(world.Below(100));
    const PlanWorld::Image expected = world.Expected(direction, first, end);
    std::uint32_t begin = first;
    for (const std::uint32_t part : planner.StageableEnds(first, end, chunk_bytes)) {
      const CopyPiece piece{
          .kind = direction == Direction::kToHost ? JobKind::kStore : JobKind::kLoadAsync,
          .blocks = world.blocks(),
          .first_layer = begin,
          .end_layer = part};
      const auto plan = planner.Plan(piece, chunk_bytes, world.Address(), calls_max);
      ASSERT_TRUE(plan.ok());
      CheckCounts(plan.value(), world.blocks().size());
      world.Run(plan.value(), planner.Spans(begin, part), direction, chunk_bytes);
      begin = part;
    }
    ASSERT_EQ(begin, end);
    ASSERT_TRUE(world.Now() == expected);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Random, Bytes, testing::Range(0, 4));

TEST(PlannerCalls, AreWithinTheBoundWhereAnyPlanIs) {
  const auto seeds = static_cast<std::uint64_t>(Seeds(100, 1000));
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    PlanWorld world(random);
    PlannerOptions options{.pin_piece_bytes = world.piece_bytes(), .cost = RandomCost(world)};
    const std::uint64_t chunk_bytes = world.layout().slot_bytes() * (1 + world.Below(4));
    const CopyPiece piece{.blocks = world.blocks(), .end_layer = world.layout().layer_count()};
    const auto calls = [&](PlanChoice choice, std::optional<std::uint64_t> calls_max) {
      options.choice = choice;
      return Planner(world.layout(), options)
          .Plan(piece, chunk_bytes, world.Address(), calls_max)
          .value()
          .driver_calls;
    };
    const std::uint64_t fewest =
        std::min(calls(PlanChoice::kDirect, {}), calls(PlanChoice::kStaged, {}));
    EXPECT_LE(calls(PlanChoice::kAuto, fewest), fewest);
    EXPECT_LE(calls(PlanChoice::kAuto, 0), fewest);
    const std::uint64_t free = calls(PlanChoice::kAuto, {});
    EXPECT_EQ(calls(PlanChoice::kAuto, free), free);
  }
}

}  // namespace
}  // namespace pega::cuda
