#include "node/cuda_calibrate.h"

#include <string>
#include <utility>
#include <vector>

#include "cuda/driver/driver_api.h"
#include "cuda/driver/handles.h"
#include "cuda/plan/calibration.h"
#include "gauge/plan_changes.h"
#include "node/arguments.h"
#include "node/async_call.h"
#include "node/to_js.h"

namespace pega::node {
namespace {

constexpr std::uint32_t kGpusMax = 1024;

struct Outcome {
  cuda::Calibration calibration;
  std::vector<gauge::PlanChange> changes;
};

Result<Outcome> Run(int ordinal, bool afresh) {
  const Result<const cuda::DriverApi*> api = cuda::DriverApi::Get();
  if (!api.ok()) return api.status();
  const Result<cuda::ContextPtr> context = cuda::Context::RetainPrimary(*api.value(), ordinal);
  if (!context.ok()) return context.status();
  const cuda::ScopedContext current(*context.value());
  PEGA_RETURN_IF_ERROR(current.status());
  Result<cuda::Calibration> calibration = cuda::Calibrate(context.value(), afresh);
  if (!calibration.ok()) return calibration.status();
  Result<std::vector<gauge::PlanChange>> changes =
      gauge::FindPlanChanges(calibration.value().cost);
  if (!changes.ok()) return changes.status();
  return Outcome{std::move(calibration).value(), std::move(changes).value()};
}

Napi::Object DirectionToJs(Napi::Env env, const cuda::DirectionCost& cost) {
  Napi::Object view = Napi::Object::New(env);
  view.Set("linkBytesPerSecond", Napi::Number::New(env, cost.link_bytes_per_s));
  view.Set("stagedBytesPerSecond", Napi::Number::New(env, cost.staged_bytes_per_s));
  Napi::Array pitched = Napi::Array::New(env, cost.pitched_bytes_per_s.size());
  for (std::uint32_t i = 0; i < cost.pitched_bytes_per_s.size(); ++i) {
    Napi::Object row = Napi::Object::New(env);
    row.Set("rowBytes", ToNumber(env, cuda::kPitchedRowBytesMin << i));
    row.Set("bytesPerSecond", Napi::Number::New(env, cost.pitched_bytes_per_s[i]));
    pitched.Set(i, row);
  }
  view.Set("pitched", pitched);
  return view;
}

Napi::Array ChangesToJs(Napi::Env env, const std::vector<gauge::PlanChange>& changes) {
  Napi::Array array = Napi::Array::New(env, changes.size());
  for (std::uint32_t i = 0; i < changes.size(); ++i) {
    const gauge::PlanChange& change = changes[i];
    Napi::Object view = Napi::Object::New(env);
    view.Set("layerBytes", ToNumber(env, change.layer_bytes));
    view.Set("direction", change.direction == cuda::Direction::kToDevice ? "load" : "store");
    view.Set("directFromRunBlocks",
             change.direct_from_run_blocks
                 ? Napi::Value(ToNumber(env, *change.direct_from_run_blocks))
                 : env.Null());
    array.Set(i, view);
  }
  return array;
}

napi_value ToJs(Napi::Env env, Outcome& outcome) {
  const cuda::Calibration& from = outcome.calibration;
  const cuda::CostModel& cost = from.cost;
  Napi::Object view = Napi::Object::New(env);
  view.Set("gpu", from.gpu);
  view.Set("driverVersion", Napi::Number::New(env, from.driver_version));
  view.Set("path", from.path);
  view.Set("note", from.note);
  view.Set("fromFile", Napi::Boolean::New(env, from.from_file));
  view.Set("seconds", Napi::Number::New(env, from.seconds));
  view.Set("load", DirectionToJs(env, cost.of(cuda::Direction::kToDevice)));
  view.Set("store", DirectionToJs(env, cost.of(cuda::Direction::kToHost)));
  view.Set("copySeconds", Napi::Number::New(env, cost.copy_seconds));
  view.Set("stagedSeconds", Napi::Number::New(env, cost.staged_seconds));
  view.Set("callSeconds", Napi::Number::New(env, cost.call_seconds));
  view.Set("changes", ChangesToJs(env, outcome.changes));
  return view;
}

Napi::Value CalibrateCall(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "calibrateGpu");
  const auto ordinal = static_cast<int>(read.U32(info[0], "gpu", 0, kGpusMax));
  const bool afresh = read.Bool(info[1], "afresh");
  if (read.Failed()) return {};
  return RunAsync<Outcome>(
      info.Env(), "calibrateGpu", [=] { return Run(ordinal, afresh); }, ToJs);
}

}  // namespace

void RegisterCudaCalibration(Napi::Env env, Napi::Object exports) {
  exports.Set("calibrateGpu", Napi::Function::New<&CalibrateCall>(env, "calibrateGpu"));
}

}  // namespace pega::node
