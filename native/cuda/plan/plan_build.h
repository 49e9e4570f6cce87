// Builds the copies and chunks of a CopyPlan from runs and the ways that were chosen for them.
// Private to the planner.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cuda/plan/block_runs.h"
#include "cuda/plan/copy_plan.h"
#include "cuda/plan/layer_rows.h"
#include "cuda/plan/staged_chunks.h"

namespace pega::cuda {

// `direct`: of each run. REQUIRES: a row fits a chunk, or all runs go directly. Sets all of the
// plan but expected_seconds.
CopyPlan BuildPlan(std::span<const BlockRun> runs, const std::vector<bool>& direct,
                   const LayerRows& rows, const ChunkRule& rule);

}  // namespace pega::cuda
