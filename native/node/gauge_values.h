// What TransferGauge is given and what it answers, between JavaScript and native values.
#pragma once

#include "gauge/transfer_gauge.h"
#include "node/arguments.h"

namespace pega::node {

gauge::GaugeOptions ReadGaugeOptions(Arguments& read, Napi::Value value);
gauge::Scenario ReadScenario(Arguments& read, Napi::Value value);

napi_value LinkToJs(Napi::Env env, const gauge::LinkRates& rates);
napi_value MeasurementToJs(Napi::Env env, const gauge::Measurement& measurement);
napi_value LatencyToJs(Napi::Env env, const gauge::LatencySamples& samples);

}  // namespace pega::node
