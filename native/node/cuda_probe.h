// The addon's calls of `pega doctor`: what there is of CUDA, what a GPU's copies cost, a copy through
// slabs. All work on native threads: the driver's first calls take long.
#pragma once

#include "node/napi_setup.h"

namespace pega::node {

void RegisterCudaProbe(Napi::Env env, Napi::Object exports);

}  // namespace pega::node
