// Calibration: measures a GPU's CostModel once for each GPU and driver, and keeps it in a file.
//
// The file is text, one `name value` a line, in $XDG_CACHE_HOME/pega (or ~/.cache/pega), named by
// the GPU's UUID and the driver's version. A file of another format version, or one that can't be
// read or parsed, is measured again, never an error.
#pragma once

#include <string>

#include "base/status.h"
#include "cuda/driver/handles.h"
#include "cuda/plan/cost_model.h"

namespace pega::cuda {

struct Calibration {
  CostModel cost;
  std::string gpu;  // name and UUID
  int driver_version = 0;
  std::string path;  // of the file; empty: there is none, `note` says why
  std::string note;
  bool from_file = false;
  double seconds = 0;  // that measuring took
};

// What begins before it ends within 2 s.
inline constexpr double kCalibrationSecondsMax = 1.6;

// From the file, else measured and written. What can't be measured in time has the cost model's own
// values and a note, and is not written. kDevice, kNoSpace: of the GPU.
Result<Calibration> Calibrate(const ContextPtr& context, bool afresh,
                              double seconds_max = kCalibrationSecondsMax);

}  // namespace pega::cuda
