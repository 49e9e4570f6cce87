#include "gauge/plan_changes.h"

#include <optional>
#include <utility>

#include "cuda/plan/planner.h"

namespace pega::gauge {
namespace {

constexpr std::uint32_t kBlocks = 512;
constexpr std::uint32_t kLayers = 32;
constexpr std::uint32_t kLayersPerGroup = 4;
constexpr std::uint64_t kLayerBytesTried[] = {4096, 8192, 16384, 32768, 65536, 131072, 262144};
constexpr std::uint64_t kChunkBytes = std::uint64_t{20} << 20;  // as loads have them
constexpr std::uint64_t kSlabBytes = std::uint64_t{1} << 30;
// Nothing is read or written there: a plan is worked out, not run.
constexpr std::uint64_t kDeviceAddress = std::uint64_t{1} << 40;
constexpr std::uint64_t kSlabAddress = std::uint64_t{1} << 44;

Result<BlockLayout> MakeLayout(std::uint64_t layer_bytes) {
  std::vector<Allocation> allocations;
  std::vector<LayerSegment> segments;
  const std::uint64_t tensor_bytes = layer_bytes * kBlocks * 2;
  for (std::uint32_t layer = 0; layer < kLayers; ++layer) {
    allocations.push_back({kDeviceAddress + layer * tensor_bytes, tensor_bytes});
    segments.push_back({layer, layer, 0, layer_bytes, layer_bytes});
  }
  return BlockLayout::Create(std::move(allocations), std::move(segments), kBlocks * 2);
}

// Runs of `run` blocks that are neighbours on both sides, a gap of one block between them.
std::vector<BlockCopy> MakeRuns(std::uint32_t run, std::uint64_t slot_bytes) {
  const std::uint64_t slots_per_slab = kSlabBytes / slot_bytes;
  std::vector<BlockCopy> blocks;
  std::uint32_t place = 0;
  for (std::uint32_t i = 0; i < kBlocks; ++i, ++place) {
    if (i > 0 && i % run == 0) ++place;
    const auto slab = static_cast<std::uint32_t>(place / slots_per_slab);
    const auto page =
        static_cast<std::uint32_t>(place % slots_per_slab * (slot_bytes / kPageBytes));
    blocks.push_back({place, {slab, page}});
  }
  return blocks;
}

Result<bool> GoesDirectly(const cuda::Planner& planner, cuda::Direction direction,
                          const std::vector<BlockCopy>& blocks) {
  const CopyPiece piece{.kind = direction == cuda::Direction::kToHost ? JobKind::kStore
                                                                      : JobKind::kLoadAsync,
                        .blocks = blocks,
                        .first_layer = 0,
                        .end_layer = kLayersPerGroup};
  const auto address = [](std::uint32_t ordinal) -> Result<std::uint64_t> {
    return kSlabAddress + ordinal * kSlabBytes;
  };
  const Result<cuda::CopyPlan> plan = planner.Plan(piece, kChunkBytes, address, std::nullopt);
  if (!plan.ok()) return plan.status();
  return plan.value().staged_block_ids.empty();
}

Result<PlanChange> FindChange(const cuda::CostModel& cost, std::uint64_t layer_bytes,
                              cuda::Direction direction) {
  const Result<BlockLayout> layout = MakeLayout(layer_bytes);
  if (!layout.ok()) return layout.status();
  cuda::PlannerOptions options;
  options.cost = cost;
  const cuda::Planner planner(layout.value(), options);
  const std::uint64_t slot_bytes = RoundUpToPage(layout.value().slot_bytes());
  PlanChange change{layer_bytes, direction, std::nullopt};
  for (std::uint32_t run = 1; run <= kBlocks; run *= 2) {
    const Result<bool> direct = GoesDirectly(planner, direction, MakeRuns(run, slot_bytes));
    if (!direct.ok()) return direct.status();
    if (direct.value()) {
      change.direct_from_run_blocks = run;
      break;
    }
  }
  return change;
}

}  // namespace

Result<std::vector<PlanChange>> FindPlanChanges(const cuda::CostModel& cost) {
  std::vector<PlanChange> changes;
  for (const cuda::Direction direction : {cuda::Direction::kToDevice, cuda::Direction::kToHost}) {
    for (const std::uint64_t layer_bytes : kLayerBytesTried) {
      Result<PlanChange> change = FindChange(cost, layer_bytes, direction);
      if (!change.ok()) return change.status();
      changes.push_back(std::move(change).value());
    }
  }
  return changes;
}

}  // namespace pega::gauge
