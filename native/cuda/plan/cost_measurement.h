// Measures a GPU's CostModel, within a bound of time. Used by Calibrate alone.
#pragma once

#include <string>

#include "base/status.h"
#include "cuda/driver/handles.h"
#include "cuda/plan/cost_model.h"

namespace pega::cuda {

struct CostMeasurement {
  CostModel cost;
  std::string note;  // empty: all of it was measured, and can be believed
};

// Where seconds_max are not enough, the values are the cost model's own. kDevice, kNoSpace: of the
// GPU.
Result<CostMeasurement> MeasureCost(const ContextPtr& context, double seconds_max);

}  // namespace pega::cuda
