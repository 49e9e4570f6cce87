#include "node/gauge_wrap.h"

#include <utility>

#include "node/arguments.h"
#include "node/gauge_values.h"
#include "node/to_js.h"

namespace pega::node {
namespace {

constexpr std::uint32_t kLatencyCountMax = 100'000;

const char* PagesName(SlabPages pages) {
  switch (pages) {
    case SlabPages::kSmall: return "4k";
    case SlabPages::kHugeShmem: return "huge-shmem";
    case SlabPages::kHugetlb: return "hugetlb";
  }
  return "";
}

}  // namespace

void GaugeWrap::Register(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor =
      DefineClass(env, kName,
                  {InstanceMethod<&GaugeWrap::MeasureLink>("measureLink"),
                   InstanceMethod<&GaugeWrap::Measure>("measure"),
                   InstanceMethod<&GaugeWrap::MeasureLatency>("measureLatency"),
                   InstanceMethod<&GaugeWrap::Cancel>("cancel"),
                   InstanceMethod<&GaugeWrap::Close>("close")});
  AddonState::Of(env).constructor(kClass) = Napi::Persistent(constructor);
  Napi::Object statics = Napi::Object::New(env);
  statics.Set("open", Napi::Function::New<&GaugeWrap::Open>(env, "open"));
  exports.Set(kName, statics);
}

GaugeWrap::GaugeWrap(const Napi::CallbackInfo& info) : Wrapped(info) {
  auto* native = Adopt<Gauge>(info);
  if (native != nullptr) gauge_ = std::move(*native);
}

Napi::Value GaugeWrap::Open(const Napi::CallbackInfo& info) {
  const char* const call = "TransferGauge.open";
  Arguments read(info.Env(), call);
  const gauge::GaugeOptions options = ReadGaugeOptions(read, info[0]);
  if (read.Failed()) return {};
  return RunAsync<Gauge>(
      info.Env(), call,
      [options]() -> Result<Gauge> {
        Result<std::unique_ptr<gauge::TransferGauge>> opened =
            gauge::TransferGauge::Open(options);
        if (!opened.ok()) return opened.status();
        return Gauge(std::move(opened).value());
      },
      [](Napi::Env env, Gauge& opened) -> napi_value { return Wrap(env, std::move(opened)); });
}

template <typename T, typename Work>
Napi::Value GaugeWrap::Run(Napi::Env env, const char* call, Work work,
                           typename AsyncCall<T>::Convert convert) {
  if (!gauge_) return Throw(env, Closed(call));
  if (*running_) {
    return Throw(env, Status(Code::kInvalidArgument,
                             std::string(call) + ": another measurement runs; await it first"));
  }
  *running_ = true;
  // The flag is cleared when the call's work is destroyed, however it ends.
  const std::shared_ptr<void> running(nullptr, [flag = running_](void*) { *flag = false; });
  return RunAsync<T>(
      env, call, [gauge = gauge_, running, work] { return work(*gauge); }, std::move(convert));
}

Napi::Value GaugeWrap::MeasureLink(const Napi::CallbackInfo& info) {
  return Run<gauge::LinkRates>(
      info.Env(), "TransferGauge.measureLink",
      [](gauge::TransferGauge& gauge) { return gauge.MeasureLink(); }, LinkToJs);
}

Napi::Value GaugeWrap::Measure(const Napi::CallbackInfo& info) {
  const char* const call = "TransferGauge.measure";
  Arguments read(info.Env(), call);
  const gauge::Scenario scenario = ReadScenario(read, info[0]);
  if (read.Failed()) return {};
  struct Measured {
    gauge::Measurement measurement;
    SlabPages slab_pages;
    double product_tera_flops;
  };
  return Run<Measured>(
      info.Env(), call,
      [scenario](gauge::TransferGauge& gauge) -> Result<Measured> {
        Result<gauge::Measurement> measurement = gauge.Measure(scenario);
        if (!measurement.ok()) return measurement.status();
        return Measured{std::move(measurement).value(), gauge.slab_pages(),
                        gauge.product_tera_flops()};
      },
      [](Napi::Env env, Measured& measured) -> napi_value {
        Napi::Object view(env, MeasurementToJs(env, measured.measurement));
        view.Set("slabPages", PagesName(measured.slab_pages));
        view.Set("productTeraFlops", Napi::Number::New(env, measured.product_tera_flops));
        return view;
      });
}

Napi::Value GaugeWrap::MeasureLatency(const Napi::CallbackInfo& info) {
  const char* const call = "TransferGauge.measureLatency";
  Arguments read(info.Env(), call);
  const gauge::Scenario scenario = ReadScenario(read, info[0]);
  const std::uint32_t count = read.U32(info[1], "count", 1, kLatencyCountMax);
  if (read.Failed()) return {};
  return Run<gauge::LatencySamples>(
      info.Env(), call,
      [scenario, count](gauge::TransferGauge& gauge) {
        return gauge.MeasureLatency(scenario, count);
      },
      LatencyToJs);
}

Napi::Value GaugeWrap::Cancel(const Napi::CallbackInfo& info) {
  if (gauge_) gauge_->Cancel();
  return info.Env().Undefined();
}

// On a pool thread: unregistering and giving memory back takes a while.
Napi::Value GaugeWrap::Close(const Napi::CallbackInfo& info) {
  if (*running_) {
    return Throw(info.Env(), Status(Code::kInvalidArgument,
                                    "TransferGauge.close: a measurement runs; await it first"));
  }
  auto closing = std::make_shared<Gauge>(std::exchange(gauge_, nullptr));
  return RunAsync<bool>(
      info.Env(), "TransferGauge.close",
      [closing]() -> Result<bool> {
        closing->reset();
        return true;
      },
      [](Napi::Env env, bool&) -> napi_value { return env.Undefined(); });
}

}  // namespace pega::node
