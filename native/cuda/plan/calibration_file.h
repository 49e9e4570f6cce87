// CalibrationFile: a CostModel as text in the user's cache folder. Used by Calibrate alone.
//
// The first line names the format and its version, the second the GPU, the third the driver; then
// one `name value` a line, all of them whole numbers, in one order. A file that is not exactly so,
// is not this user's, or holds a number that no GPU has, is as good as none.
#pragma once

#include <string>

#include "base/status.h"
#include "cuda/plan/cost_model.h"

namespace pega::cuda {

struct CalibrationKey {
  std::string gpu;        // name and UUID
  std::string file_name;  // by UUID and driver
  int driver_version = 0;
};

std::string FormatCalibration(const CalibrationKey& key, const CostModel& cost);
// kInvalidArgument: of another format, GPU or driver, or with odd numbers; the message says which.
Result<CostModel> ParseCalibration(const CalibrationKey& key, const std::string& text);
// False where a number is one that no GPU has.
bool IsPlausible(const CostModel& cost);

// $XDG_CACHE_HOME/pega or ~/.cache/pega. kNotFound: neither is known.
Result<std::string> CalibrationFolder();
// kNotFound: there is none; kIo, kInvalidArgument: none that can be trusted.
Result<CostModel> ReadCalibration(const std::string& path, const CalibrationKey& key);
// Makes the folder (0700) and puts the file there at once, as a whole.
Status WriteCalibration(const std::string& folder, const CalibrationKey& key,
                        const CostModel& cost);

}  // namespace pega::cuda
