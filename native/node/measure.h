// What this machine can do, measured beside our own figures: copies, multiply-adds, matrix
// products.
#pragma once

#include "node/napi_setup.h"

namespace pega::node {

void RegisterMeasurements(Napi::Env env, Napi::Object exports);

}  // namespace pega::node
