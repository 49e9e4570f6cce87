// WayChoice: which runs of a piece go directly and which staged, by what both are expected to cost.
//
// There is no one best choice: the fastest may need more calls than the caller has. So the choices
// that can be best are listed, the fastest first, and the planner takes the first that fits.
// Private to the planner.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cuda/plan/block_runs.h"
#include "cuda/plan/cost_model.h"
#include "cuda/plan/layer_rows.h"

namespace pega::cuda {

struct WayChoice {
  std::vector<bool> direct;   // of each run
  double link_seconds = 0;    // expected, all its copies one after the other
  double staged_seconds = 0;  // of these, of staged copies
};

class WayCosts {
 public:
  // What is referred to outlives this.
  WayCosts(std::span<const BlockRun> runs, const LayerRows& rows, const CostModel& cost,
           Direction direction, std::uint64_t chunk_bytes);

  WayChoice AllDirect() const;
  WayChoice AllStaged() const;
  std::vector<WayChoice> FastestFirst() const;  // no two alike; at least one

 private:
  struct RunCost {
    double direct_seconds = 0;
    double staged_seconds = 0;
    double direct_calls = 0;
    double staged_calls = 0;  // its share of the chunks' calls included
  };
  RunCost CostOf(const BlockRun& run, double direct_seconds_per_block) const;
  template <typename Direct>
  WayChoice Choose(Direct direct) const;

  const LayerRows& rows_;
  const CostModel& cost_;
  const Direction direction_;
  const std::uint64_t chunk_bytes_;
  std::vector<RunCost> runs_;
};

}  // namespace pega::cuda
