#include "node/cuda_probe.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cuda/driver/driver_facts.h"
#include "cuda/kernels/kernel_images.h"
#include "gauge/gpu_facts.h"
#include "gauge/slab_round_trip.h"
#include "node/arguments.h"
#include "node/async_call.h"
#include "node/engine_memory_wrap.h"
#include "node/to_js.h"

namespace pega::node {
namespace {

constexpr std::uint32_t kGpusMax = 1024;
constexpr double kSecondsMax = 60;
constexpr std::uint64_t kLayerBytesMax = std::uint64_t{1} << 30;

struct Facts {
  cuda::DriverFacts driver;
  Result<gauge::DriverFacts> gpus = Status(Code::kUnsupported, "not looked for");
};

Napi::Value WordsToJs(Napi::Env env, const std::vector<std::string>& words) {
  Napi::Array array = Napi::Array::New(env, words.size());
  for (std::uint32_t i = 0; i < words.size(); ++i) array.Set(i, words[i]);
  return array;
}

Napi::Value GpuToJs(Napi::Env env, const gauge::GpuFacts& gpu) {
  Napi::Object view = Napi::Object::New(env);
  view.Set("ordinal", Napi::Number::New(env, gpu.ordinal));
  view.Set("name", gpu.name);
  view.Set("uuid", gpu.uuid);
  view.Set("busId", gpu.pci_bus_id);
  view.Set("memoryBytes", ToNumber(env, gpu.memory_bytes));
  view.Set("capabilityMajor", Napi::Number::New(env, gpu.capability_major));
  view.Set("capabilityMinor", Napi::Number::New(env, gpu.capability_minor));
  view.Set("multiprocessors", Napi::Number::New(env, gpu.multiprocessors));
  return view;
}

napi_value FactsToJs(Napi::Env env, Facts& facts) {
  const cuda::DriverFacts& driver = facts.driver;
  Napi::Object view = Napi::Object::New(env);
  view.Set("libraryPath", driver.library_path);
  view.Set("version", Napi::Number::New(env, driver.version));
  view.Set("oldestVersion", Napi::Number::New(env, cuda::kOldestDriverVersion));
  view.Set("oldestCapabilityMajor",
           Napi::Number::New(env, cuda::kOldestComputeCapabilityMajor));
  view.Set("missingRequired", WordsToJs(env, driver.missing_required));
  view.Set("missingOptional", WordsToJs(env, driver.missing_optional));
  view.Set("initResult", Napi::Number::New(env, driver.init_result));
  // Of the driver, or of the first GPU that does not answer.
  const Status& status = driver.status.ok() ? facts.gpus.status() : driver.status;
  view.Set("error", status.message());
  Napi::Array gpus = Napi::Array::New(env);
  if (facts.gpus.ok()) {
    for (const gauge::GpuFacts& gpu : facts.gpus.value().gpus) {
      gpus.Set(gpus.Length(), GpuToJs(env, gpu));
    }
  }
  view.Set("gpus", gpus);
  return view;
}

Napi::Value FactsCall(const Napi::CallbackInfo& info) {
  return RunAsync<Facts>(
      info.Env(), "cudaFacts",
      []() -> Result<Facts> {
        Facts facts{.driver = cuda::LookAtDriver()};
        if (facts.driver.status.ok()) facts.gpus = gauge::ListGpus();
        return facts;
      },
      FactsToJs);
}

napi_value RoundTripToJs(Napi::Env env, gauge::SlabRoundTrip& trip) {
  Napi::Object view = Napi::Object::New(env);
  const std::pair<const char*, double> numbers[] = {
      {"contextSeconds", trip.context_s},
      {"deviceSeconds", trip.device_s},
      {"registerSeconds", trip.register_s},
      {"loadBytesPerSecond", trip.load_bytes_per_s},
      {"storeBytesPerSecond", trip.store_bytes_per_s}};
  for (const auto& [name, value] : numbers) view.Set(name, Napi::Number::New(env, value));
  view.Set("bytes", ToNumber(env, trip.bytes));
  view.Set("loadRounds", ToNumber(env, trip.load_rounds));
  view.Set("storeRounds", ToNumber(env, trip.store_rounds));
  view.Set("registeredBytes", ToNumber(env, trip.device.pins.registered_bytes));
  view.Set("stagingBytes", ToNumber(env, trip.device.staging_bytes));
  view.Set("deviceBytes", ToNumber(env, trip.device.device_bytes));
  view.Set("stagedBytesTotal", ToNumber(env, trip.device.staged_bytes_total));
  view.Set("directBytesTotal", ToNumber(env, trip.device.direct_bytes_total));
  return view;
}

gauge::SlabRoundTripOptions ReadOptions(Arguments& read, Napi::Object from) {
  gauge::SlabRoundTripOptions options;
  options.ordinal = static_cast<int>(read.U32(read.Field(from, "gpu"), "gpu", 0, kGpusMax));
  options.slab_bytes = read.Integer(read.Field(from, "slabBytes"), "slabBytes", 1);
  options.layers = read.U32(read.Field(from, "layers"), "layers", 1, kLayersMax);
  options.layer_bytes =
      read.Integer(read.Field(from, "layerBytes"), "layerBytes", 1, kLayerBytesMax);
  options.seconds = read.PositiveNumber(read.Field(from, "seconds"), "seconds", kSecondsMax);
  const Napi::Value sources = read.Field(from, "sources");
  const Napi::Value targets = read.Field(from, "targets");
  options.sources = read.Slots(sources, "sources");
  options.targets = read.Slots(targets, "targets");
  return options;
}

Napi::Value RoundTripCall(const Napi::CallbackInfo& info) {
  const char* const call = "measureSlabRoundTrip";
  Arguments read(info.Env(), call);
  EngineMemoryWrap* const memory = EngineMemoryWrap::TryUnwrap(info[0]);
  read.Require(memory != nullptr, "memory", "an EngineMemory");
  gauge::SlabRoundTripOptions options = ReadOptions(read, read.Object(info[1], "options"));
  if (read.Failed()) return {};
  EngineMemory* const native = memory->Open(info.Env(), call);
  if (native == nullptr) return {};
  Result<std::shared_ptr<SlabSet>> slabs = native->slabs();
  if (!slabs.ok()) return Throw(info.Env(), slabs.status());
  // The memory can't be closed, nor its lock be given back, while this runs.
  const std::shared_ptr<std::uint32_t> count = memory->open_transfers();
  ++*count;
  const std::shared_ptr<void> open(count.get(), [count](void*) { --*count; });
  return RunAsync<gauge::SlabRoundTrip>(
      info.Env(), call,
      [open, slabs = std::move(slabs).value(), options] {
        return gauge::MeasureSlabRoundTrip(slabs, options);
      },
      RoundTripToJs);
}

}  // namespace

void RegisterCudaProbe(Napi::Env env, Napi::Object exports) {
  exports.Set("cudaFacts", Napi::Function::New<&FactsCall>(env, "cudaFacts"));
  exports.Set("measureSlabRoundTrip",
              Napi::Function::New<&RoundTripCall>(env, "measureSlabRoundTrip"));
}

}  // namespace pega::node
