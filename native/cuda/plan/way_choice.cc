#include "cuda/plan/way_choice.h"

#include <algorithm>
#include <utility>

#include "cuda/plan/direct_copies.h"
#include "cuda/plan/driver_calls.h"

namespace pega::cuda {
namespace {

// Direct copies spare the kernel: they may be expected to be this much slower.
constexpr double kDirectFavour = 1.005;

double Weight(const WayChoice& choice) {
  return choice.link_seconds + choice.staged_seconds * (kDirectFavour - 1);
}

double DirectSecondsPerBlock(const LayerRows& rows, const CostModel& cost, Direction direction) {
  double seconds = 0;
  for (const RowSpan& span : rows.spans) {
    const bool touching =
        span.bytes == span.block_stride_bytes && span.bytes == rows.slot_pitch_bytes;
    seconds += static_cast<double>(span.bytes) /
               (touching ? cost.of(direction).link_bytes_per_s
                         : cost.PitchedBytesPerSecond(direction, span.bytes));
  }
  return seconds;
}

}  // namespace

WayCosts::WayCosts(std::span<const BlockRun> runs, const LayerRows& rows, const CostModel& cost,
                   Direction direction, std::uint64_t chunk_bytes)
    : rows_(rows), cost_(cost), direction_(direction), chunk_bytes_(chunk_bytes) {
  const double direct_seconds_per_block = DirectSecondsPerBlock(rows, cost, direction);
  runs_.reserve(runs.size());
  for (const BlockRun& run : runs) runs_.push_back(CostOf(run, direct_seconds_per_block));
}

WayCosts::RunCost WayCosts::CostOf(const BlockRun& run, double direct_seconds_per_block) const {
  const std::uint64_t first = run.slab_offset_bytes + rows_.slot_offset_bytes;
  const std::uint64_t extent = (run.block_count - 1) * rows_.slot_pitch_bytes + rows_.row_bytes;
  const std::uint64_t pieces_more = (first % rows_.piece_bytes + extent - 1) / rows_.piece_bytes;
  std::uint64_t direct_copies = rows_.spans.size();
  if (pieces_more > 0) {
    direct_copies = 0;
    ForEachDirectCopy(run, rows_, [&](const PitchedCopy&) { ++direct_copies; });
  }
  const std::uint64_t staged_copies = pieces_more + (run.continues ? 0 : 1);
  const double staged_bytes = static_cast<double>(run.block_count * rows_.row_bytes);
  const double copy_seconds = std::max(cost_.copy_seconds, cost_.call_seconds);
  const double chunks =
      staged_bytes / static_cast<double>(std::max<std::uint64_t>(1, chunk_bytes_));
  RunCost run_cost;
  run_cost.direct_calls = static_cast<double>(direct_copies * kCallsPerCopy);
  run_cost.staged_calls = static_cast<double>(staged_copies * kCallsPerCopy) +
                          chunks * static_cast<double>(kCallsPerChunk);
  run_cost.direct_seconds = std::max(run.block_count * direct_seconds_per_block,
                                     static_cast<double>(direct_copies) * copy_seconds);
  run_cost.staged_seconds = std::max(staged_bytes / cost_.of(direction_).staged_bytes_per_s,
                                     static_cast<double>(staged_copies) * copy_seconds);
  return run_cost;
}

template <typename Direct>
WayChoice WayCosts::Choose(Direct direct) const {
  WayChoice choice;
  choice.direct.reserve(runs_.size());
  for (const RunCost& run : runs_) {
    const bool directly = direct(run);
    choice.direct.push_back(directly);
    (directly ? choice.link_seconds : choice.staged_seconds) +=
        directly ? run.direct_seconds : run.staged_seconds;
  }
  if (choice.staged_seconds > 0) choice.staged_seconds += cost_.staged_seconds;
  choice.link_seconds += choice.staged_seconds;
  return choice;
}

WayChoice WayCosts::AllDirect() const {
  return Choose([](const RunCost&) { return true; });
}

WayChoice WayCosts::AllStaged() const {
  return Choose([](const RunCost&) { return false; });
}

std::vector<WayChoice> WayCosts::FastestFirst() const {
  std::vector<WayChoice> choices;
  choices.reserve(4);
  const auto add = [&](WayChoice choice) {
    const auto alike = [&](const WayChoice& other) { return other.direct == choice.direct; };
    if (std::none_of(choices.begin(), choices.end(), alike)) choices.push_back(std::move(choice));
  };
  add(AllDirect());
  add(Choose(
      [](const RunCost& run) { return run.direct_seconds <= run.staged_seconds * kDirectFavour; }));
  add(Choose([](const RunCost& run) { return run.direct_calls <= run.staged_calls; }));
  add(AllStaged());
  std::stable_sort(choices.begin(), choices.end(),
                   [](const WayChoice& a, const WayChoice& b) { return Weight(a) < Weight(b); });
  return choices;
}

}  // namespace pega::cuda
