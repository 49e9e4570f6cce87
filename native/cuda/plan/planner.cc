#include "cuda/plan/planner.h"

#include <algorithm>
#include <array>
#include <utility>

#include "cuda/plan/driver_calls.h"
#include "cuda/plan/layer_rows.h"
#include "cuda/plan/plan_build.h"
#include "cuda/plan/way_costs.h"

namespace pega::cuda {
namespace {

// In the order in which they are tried.
std::vector<WayRule> Rules(const WayCosts& costs, PlanChoice choice, bool row_fits) {
  if (choice == PlanChoice::kDirect || !row_fits) return {WayRule::kAllDirect};
  if (choice == PlanChoice::kStaged) return {WayRule::kAllStaged};
  const std::array<WayRule, 4> rules = costs.FastestFirst();
  return {rules.begin(), rules.end()};
}

// Below that, what a group costs is more than what layers win that are computed sooner.
constexpr std::uint64_t kGroupBytesMin = std::uint64_t{4} << 20;

std::uint64_t SlotBytesOf(std::span<const BlockLayout::Segment> segments) {
  const BlockLayout::Segment& last = segments.back();
  return last.slot_offset_bytes + last.bytes - segments.front().slot_offset_bytes;
}

}  // namespace

Planner::Planner(const BlockLayout& layout, PlannerOptions options)
    : layout_(layout), options_(std::move(options)) {}

std::vector<RowSpan> Planner::Spans(std::uint32_t first_layer, std::uint32_t end_layer) const {
  return MergeSegments(layout_.LayerRange(first_layer, end_layer));
}

std::vector<std::uint32_t> Planner::StageableEnds(std::uint32_t first_layer,
                                                  std::uint32_t end_layer,
                                                  std::uint64_t chunk_bytes) const {
  std::vector<std::uint32_t> ends;
  std::uint32_t begin = first_layer;
  for (std::uint32_t end = first_layer + 1; end <= end_layer; ++end) {
    if (end == end_layer || SlotBytesOf(layout_.LayerRange(begin, end + 1)) > chunk_bytes) {
      ends.push_back(end);
      begin = end;
    }
  }
  return ends;
}

CopyPlan Planner::PlanRuns(std::span<const BlockRun> runs, Direction direction,
                           std::uint32_t first_layer, std::uint32_t end_layer,
                           std::uint64_t chunk_bytes,
                           std::optional<std::uint64_t> calls_max, bool pipelined) const {
  const std::span<const BlockLayout::Segment> segments = layout_.LayerRange(first_layer, end_layer);
  const LayerRows rows{.spans = MergeSegments(segments),
                       .slot_offset_bytes = segments.front().slot_offset_bytes,
                       .row_bytes = SlotBytesOf(segments),
                       .slot_pitch_bytes = RoundUpToPage(layout_.slot_bytes()),
                       .piece_bytes = options_.pin_piece_bytes};
  const WayCosts costs(runs, rows, options_.cost, direction, chunk_bytes, pipelined);
  CopyPlan best;
  for (const WayRule rule : Rules(costs, options_.choice, rows.row_bytes <= chunk_bytes)) {
    const std::vector<bool> direct = costs.Direct(rule);
    for (const bool split : {true, false}) {
      CopyPlan plan = BuildPlan(runs, direct, rows, {chunk_bytes, split});
      plan.expected_seconds =
          std::max(costs.total(rule).link_seconds,
                   static_cast<double>(plan.driver_calls) * options_.cost.call_seconds);
      const bool fits = !calls_max || plan.driver_calls <= *calls_max;
      const bool may_be_split = plan.chunks.size() == 2;
      if (fits || best.driver_calls == 0 || plan.driver_calls < best.driver_calls) {
        best = std::move(plan);
      }
      if (fits) return best;
      if (!may_be_split) break;
    }
  }
  return best;
}

Result<CopyPlan> Planner::Plan(const CopyPiece& piece, std::uint64_t chunk_bytes,
                               const SlabAddress& slab_address,
                               std::optional<std::uint64_t> calls_max, bool pipelined) const {
  Result<std::vector<BlockRun>> runs =
      FindBlockRuns(piece.blocks, RoundUpToPage(layout_.slot_bytes()), slab_address);
  if (!runs.ok()) return runs.status();
  const Direction direction =
      piece.kind == JobKind::kStore ? Direction::kToHost : Direction::kToDevice;
  return PlanRuns(runs.value(), direction, piece.first_layer, piece.end_layer, chunk_bytes,
                  calls_max, pipelined);
}

std::uint64_t Planner::CallsOfGroup(std::uint64_t calls_max, std::uint32_t layers) const {
  return calls_max * layers / layout_.layer_count();
}

bool Planner::GroupFits(std::span<const BlockRun> runs, std::uint32_t first_layer,
                        std::uint32_t end_layer, std::uint64_t chunk_bytes,
                        std::uint64_t calls_max) const {
  std::uint64_t left = CallsOfGroup(calls_max, end_layer - first_layer);
  for (const std::uint32_t end : StageableEnds(first_layer, end_layer, chunk_bytes)) {
    const CopyPlan plan =
        PlanRuns(runs, Direction::kToDevice, first_layer, end, chunk_bytes, left, true);
    if (plan.driver_calls > left) return false;
    left -= plan.driver_calls;
    first_layer = end;
  }
  return true;
}

std::vector<std::uint32_t> Planner::FitGroups(std::span<const BlockCopy> blocks,
                                              std::uint32_t layers_per_group,
                                              std::uint64_t chunk_bytes,
                                              const SlabAddress& slab_address,
                                              std::uint64_t calls_max) const {
  const Result<std::vector<BlockRun>> found =
      FindBlockRuns(blocks, RoundUpToPage(layout_.slot_bytes()), slab_address);
  if (!found.ok()) return {};
  const std::vector<BlockRun>& runs = found.value();
  // Each group takes a copy at least for each run on the host: no need to plan what can't fit.
  const auto host_runs = static_cast<std::uint64_t>(
      std::count_if(runs.begin(), runs.end(), [](const BlockRun& run) { return !run.continues; }));
  const std::uint64_t calls_min = host_runs * kCallsPerCopy + kCallsPerPiece;
  const std::uint64_t layers = layout_.layer_count();
  const std::uint64_t per_group = std::max<std::uint32_t>(1, layers_per_group);
  const std::uint64_t bytes = blocks.size() * layout_.slot_bytes();
  const std::uint64_t wanted = std::clamp<std::uint64_t>(bytes / kGroupBytesMin, 1,
                                                         (layers + per_group - 1) / per_group);
  for (std::uint64_t groups = std::min(wanted, calls_max / calls_min); groups > 0; --groups) {
    std::vector<std::uint32_t> ends(groups);
    for (std::uint64_t i = 0; i < groups; ++i) {
      ends[i] = static_cast<std::uint32_t>(layers * (i + 1) / groups);
    }
    const auto fits = [&, begin = std::uint32_t{0}](std::uint32_t end) mutable {
      return GroupFits(runs, std::exchange(begin, end), end, chunk_bytes, calls_max);
    };
    if (std::all_of(ends.begin(), ends.end(), fits)) return ends;
  }
  return {};
}

}  // namespace pega::cuda
