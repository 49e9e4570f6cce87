// What the model's thread feels of registering beside it: launches of a tiny kernel, and captures of
// graphs in the mode in which vLLM captures.
#pragma once

#include "cuda/pins/pinned_slabs.h"
#include "growing_pool.h"

namespace pega::cuda::gpu {

struct BesidePlan {
  const char* name = "";
  bool registering = true;
  PinOptions pins;
  bool serving = false;  // with the pauses of serving
};

// Prints a JSON line each. REQUIRES: the context is current; the pool is filled.
void MeasureLaunches(const ContextPtr& context, const GrowingPool& pool, const BesidePlan& plan,
                     double seconds);
void MeasureCaptures(const ContextPtr& context, const GrowingPool& pool, const BesidePlan& plan,
                     double seconds);

}  // namespace pega::cuda::gpu
