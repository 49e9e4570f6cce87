// PlanChanges: where the planner goes over from staged copies to direct ones, by the length of runs,
// for typical block sizes: what a GPU's calibration means in practice.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/status.h"
#include "cuda/plan/cost_model.h"

namespace pega::gauge {

struct PlanChange {
  std::uint64_t layer_bytes = 0;  // of one block
  cuda::Direction direction = cuda::Direction::kToDevice;
  // The shortest runs of neighbouring blocks that are copied directly; empty: none that was tried.
  std::optional<std::uint32_t> direct_from_run_blocks;
};

// By the planner itself, for 512 blocks and groups of 4 of 32 layers.
Result<std::vector<PlanChange>> FindPlanChanges(const cuda::CostModel& cost);

}  // namespace pega::gauge
