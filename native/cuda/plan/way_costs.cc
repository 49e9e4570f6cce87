#include "cuda/plan/way_costs.h"

#include <algorithm>

#include "cuda/plan/direct_copies.h"
#include "cuda/plan/driver_calls.h"

namespace pega::cuda {
namespace {

// Of two ways about as fast, the one without the kernel, and the one with fewer calls: what a
// kernel costs computation beside it, as a part of the staged time, and a call its thread, as a
// part of the call's time.
constexpr double kKernelWeight = 0.005;
constexpr double kCallWeight = 0.1;

constexpr std::array kRules = {WayRule::kAllDirect, WayRule::kByTime, WayRule::kByCalls,
                               WayRule::kAllStaged};

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
                   Direction direction, std::uint64_t chunk_bytes, bool pipelined)
    : rows_(rows), cost_(cost), direction_(direction), chunk_bytes_(chunk_bytes), pipelined_(pipelined) {
  const double direct_seconds_per_block = DirectSecondsPerBlock(rows, cost, direction);
  runs_.reserve(runs.size());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const std::uint64_t pieces_more = PieceEndsWithin(runs[i]);
    const bool cuts_staged = i + 1 < runs.size() && runs[i + 1].continues;
    runs_.push_back({DirectWay(runs[i], direct_seconds_per_block, pieces_more, cuts_staged),
                     StagedWay(runs[i], pieces_more), runs[i].block_count * rows.row_bytes});
  }
  for (const WayRule rule : kRules) Add(rule);
}

std::uint64_t WayCosts::PieceEndsWithin(const BlockRun& run) const {
  const std::uint64_t first = run.slab_offset_bytes + rows_.slot_offset_bytes;
  const std::uint64_t extent = (run.block_count - 1) * rows_.slot_pitch_bytes + rows_.row_bytes;
  return (first % rows_.piece_bytes + extent - 1) / rows_.piece_bytes;
}

WayCosts::Way WayCosts::DirectWay(const BlockRun& run, double seconds_per_block,
                                  std::uint64_t pieces_more, bool cuts_staged) const {
  std::uint64_t copies = rows_.spans.size();
  if (pieces_more > 0) {
    copies = 0;
    ForEachDirectCopy(run, rows_, [&](const PitchedCopy&) { ++copies; });
  }
  Way way;
  way.seconds = CopySeconds(run.block_count * seconds_per_block, copies);
  way.calls = static_cast<double>((copies + (cuts_staged ? 1 : 0)) * kCallsPerCopy);
  way.weight = way.seconds + way.calls * cost_.call_seconds * kCallWeight;
  return way;
}

WayCosts::Way WayCosts::StagedWay(const BlockRun& run, std::uint64_t pieces_more) const {
  const std::uint64_t copies = pieces_more + (run.continues ? 0 : 1);
  const double bytes = static_cast<double>(run.block_count * rows_.row_bytes);
  const double chunks = bytes / static_cast<double>(std::max<std::uint64_t>(1, chunk_bytes_));
  Way way;
  way.seconds = CopySeconds(bytes / cost_.of(direction_).staged_bytes_per_s, copies);
  way.calls =
      static_cast<double>(copies * kCallsPerCopy) + chunks * static_cast<double>(kCallsPerChunk);
  way.weight = way.seconds * (1 + kKernelWeight) + way.calls * cost_.call_seconds * kCallWeight;
  return way;
}

double WayCosts::CopySeconds(double link_seconds, std::uint64_t copies) const {
  const auto count = static_cast<double>(copies);
  return std::max(link_seconds + count * cost_.copy_seconds, count * cost_.call_seconds);
}

bool WayCosts::GoesDirectly(const RunCost& run, WayRule rule) {
  switch (rule) {
    case WayRule::kAllDirect: return true;
    case WayRule::kAllStaged: return false;
    case WayRule::kByTime: return run.direct.weight <= run.staged.weight;
    case WayRule::kByCalls: return run.direct.calls <= run.staged.calls;
  }
  return false;
}

void WayCosts::Add(WayRule rule) {
  WayTotal total;
  std::uint64_t staged_bytes = 0;
  for (const RunCost& run : runs_) {
    const bool direct = GoesDirectly(run, rule);
    const Way& way = direct ? run.direct : run.staged;
    total.link_seconds += way.seconds;
    total.weight += way.weight;
    if (!direct) staged_bytes += run.bytes;
  }
  // Where there are more chunks than one, kernels run under the copies of others.
  if (staged_bytes > 0 && !pipelined_) {
    const double chunks = static_cast<double>(staged_bytes) / static_cast<double>(chunk_bytes_);
    const double exposed_seconds = cost_.staged_seconds / std::max(1.0, chunks);
    total.link_seconds += exposed_seconds;
    total.weight += exposed_seconds;
  }
  totals_[static_cast<std::size_t>(rule)] = total;
}

std::vector<bool> WayCosts::Direct(WayRule rule) const {
  std::vector<bool> direct(runs_.size());
  for (std::size_t i = 0; i < runs_.size(); ++i) direct[i] = GoesDirectly(runs_[i], rule);
  return direct;
}

std::array<WayRule, 4> WayCosts::FastestFirst() const {
  std::array<WayRule, 4> rules = kRules;
  std::stable_sort(rules.begin(), rules.end(),
                   [&](WayRule a, WayRule b) { return total(a).weight < total(b).weight; });
  return rules;
}

}  // namespace pega::cuda
