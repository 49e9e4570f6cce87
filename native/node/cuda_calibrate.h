// The addon's calibrateGpu: a GPU's cost model from its file or measured, and what plans become of it.
#pragma once

#include "node/napi_setup.h"

namespace pega::node {

void RegisterCudaCalibration(Napi::Env env, Napi::Object exports);

}  // namespace pega::node
