// pega.node: registers the classes. src/engine/binding-types.ts describes what JavaScript sees.
#include "node/addon_state.h"
#include "node/cuda_calibrate.h"
#include "node/cuda_probe.h"
#include "node/engine_memory_wrap.h"
#include "node/gauge_wrap.h"
#include "node/hold_view_wrap.h"
#include "node/measure.h"
#include "node/pool_wrap.h"
#include "node/reference_model_wrap.h"
#include "node/transfer_job_wrap.h"
#include "node/transfer_wrap.h"
#include "shared/pool_header.h"

namespace pega::node {
namespace {

Napi::Object Register(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(std::make_unique<AddonState>().release());  // deleted with the environment
  exports.Set("version", PEGA_VERSION);
  exports.Set("sharedLayoutVersion", Napi::Number::New(env, kSharedLayoutVersion));
  PoolWrap::Register(env, exports);
  HoldViewWrap::Register(env, exports);
  EngineMemoryWrap::Register(env, exports);
  TransferWrap::Register(env, exports);
  TransferJobWrap::Register(env);
  ReferenceModelWrap::Register(env, exports);
  GaugeWrap::Register(env, exports);
  RegisterMeasurements(env, exports);
  RegisterCudaProbe(env, exports);
  RegisterCudaCalibration(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(pega, Register)

}  // namespace pega::node
