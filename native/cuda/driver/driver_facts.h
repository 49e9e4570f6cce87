// DriverFacts: what there is of a CUDA driver, for `pega doctor`: also where DriverApi refuses it.
//
// Symbols come from driver_api.h's tables. Opens no context and takes no memory of a GPU; GPUs are
// listed by native/gauge. The library stays loaded.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "cuda/driver/cuda_types.h"

namespace pega::cuda {

struct DriverFacts {
  std::string library_path;  // links followed; empty: there is none, `status` says why
  int version = 0;           // 13000: CUDA 13.0; 0: not known
  std::vector<std::string> missing_required, missing_optional;
  CUresult init_result = kSuccess;  // of cuInit
  Status status;                    // what a worker would be refused with: DriverApi::Load's
};

DriverFacts LookAtDriver(const std::string& library = "libcuda.so.1");

}  // namespace pega::cuda
