// WayCosts: which runs of a piece go directly and which staged, by what both are expected to cost.
//
// There is no one best rule: the fastest may need more calls than the caller has. So the rules are
// listed, the fastest first, and the planner takes the first whose plan fits. Private to the
// planner.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cuda/plan/block_runs.h"
#include "cuda/plan/cost_model.h"
#include "cuda/plan/layer_rows.h"

namespace pega::cuda {

enum class WayRule : std::uint8_t { kAllDirect, kAllStaged, kByTime, kByCalls };

struct WayTotal {
  double link_seconds = 0;  // expected, all copies one after the other
  double weight = 0;        // the same, and a little for kernels and calls: what is compared
};

class WayCosts {
 public:
  // What is referred to outlives this.
  WayCosts(std::span<const BlockRun> runs, const LayerRows& rows, const CostModel& cost,
           Direction direction, std::uint64_t chunk_bytes, bool pipelined);

  std::array<WayRule, 4> FastestFirst() const;
  const WayTotal& total(WayRule rule) const { return totals_[static_cast<std::size_t>(rule)]; }
  std::vector<bool> Direct(WayRule rule) const;  // of each run

 private:
  struct Way {
    double seconds = 0;
    double calls = 0;  // its share of the chunks' calls included
    double weight = 0;
  };
  struct RunCost {
    Way direct, staged;
    std::uint64_t bytes = 0;
  };
  std::uint64_t PieceEndsWithin(const BlockRun& run) const;
  // cuts_staged: the next run begins a copy of its own then.
  Way DirectWay(const BlockRun& run, double seconds_per_block, std::uint64_t pieces_more,
                bool cuts_staged) const;
  Way StagedWay(const BlockRun& run, std::uint64_t pieces_more) const;
  double CopySeconds(double link_seconds, std::uint64_t copies) const;
  static bool GoesDirectly(const RunCost& run, WayRule rule);
  void Add(WayRule rule);

  const LayerRows& rows_;
  const CostModel& cost_;
  const Direction direction_;
  const std::uint64_t chunk_bytes_;
  const bool pipelined_;  // others are copied just behind, under which the last kernel runs
  std::vector<RunCost> runs_;
  std::array<WayTotal, 4> totals_;
};

}  // namespace pega::cuda
