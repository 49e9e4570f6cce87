// The addon's TransferGauge: measurements of one GPU's copies, one at a time on a pool thread
// (gauge/transfer_gauge.h).
//
// A measurement that runs shares ownership, so collecting the object frees nothing under it.
#pragma once

#include <memory>

#include "gauge/transfer_gauge.h"
#include "node/async_call.h"
#include "node/wrapped.h"

namespace pega::node {

class GaugeWrap : public Wrapped<GaugeWrap> {
 public:
  static constexpr WrappedClass kClass = WrappedClass::kTransferGauge;
  static constexpr const char* kName = "TransferGauge";

  static void Register(Napi::Env env, Napi::Object exports);
  explicit GaugeWrap(const Napi::CallbackInfo& info);

 private:
  using Gauge = std::shared_ptr<gauge::TransferGauge>;
  static Napi::Value Open(const Napi::CallbackInfo& info);
  Napi::Value MeasureLink(const Napi::CallbackInfo& info);
  Napi::Value Measure(const Napi::CallbackInfo& info);
  Napi::Value MeasureLatency(const Napi::CallbackInfo& info);
  Napi::Value Cancel(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  // Queues `work` on the gauge. Throws where it is closed or another call runs.
  template <typename T, typename Work>
  Napi::Value Run(Napi::Env env, const char* call, Work work,
                  typename AsyncCall<T>::Convert convert);

  Gauge gauge_;  // null when closed
  std::shared_ptr<bool> running_ = std::make_shared<bool>(false);  // JavaScript thread only
};

}  // namespace pega::node
