#include "node/gauge_values.h"

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "node/to_js.h"

namespace pega::node {
namespace {

constexpr std::uint32_t kGpusMax = 1024;
constexpr std::uint32_t kNodesMax = 1024;
constexpr std::uint32_t kThreadsMax = 64;
constexpr std::uint32_t kRepeatsMax = 10'000;
constexpr std::uint32_t kProductSizeMax = 16'384;
constexpr double kRowSecondsMax = 60;
constexpr std::uint64_t kLinkBytesMin = std::uint64_t{1} << 20;
constexpr std::uint64_t kLinkBytesMax = std::uint64_t{8} << 30;

template <typename Value>
struct Word {
  const char* word;
  Value value;
};

template <typename Value>
Value ReadWord(Arguments& read, Napi::Value value, const char* name,
               std::initializer_list<Word<Value>> words) {
  const std::string found = read.String(value, name);
  std::string required;
  for (const Word<Value>& word : words) {
    if (found == word.word) return word.value;
    required += std::string(required.empty() ? "'" : ", '") + word.word + "'";
  }
  read.Require(false, name, "one of " + required + "; found '" + found + "'");
  return words.begin()->value;
}

gauge::Order ReadOrder(Arguments& read, Napi::Value value, const char* name) {
  return ReadWord<gauge::Order>(read, value, name,
                                {{"run", gauge::Order::kRun},
                                 {"runs16", gauge::Order::kRuns16},
                                 {"shuffled", gauge::Order::kShuffled}});
}

using Number = std::pair<const char*, double>;

Napi::Object NumbersToJs(Napi::Env env, std::initializer_list<Number> numbers) {
  Napi::Object view = Napi::Object::New(env);
  for (const auto& [name, number] : numbers) view.Set(name, Napi::Number::New(env, number));
  return view;
}

template <typename Item, typename ToJs>
Napi::Array ListToJs(Napi::Env env, const std::vector<Item>& items, const ToJs& to_js) {
  Napi::Array array = Napi::Array::New(env, items.size());
  for (std::uint32_t i = 0; i < items.size(); ++i) array.Set(i, to_js(env, items[i]));
  return array;
}

Napi::Object JobToJs(Napi::Env env, const gauge::JobSample& sample) {
  return NumbersToJs(env, {{"seconds", sample.seconds},
                           {"submitSeconds", sample.submit_seconds},
                           {"cpuSeconds", sample.cpu_seconds},
                           {"submitDriverCalls", static_cast<double>(sample.submit_driver_calls)},
                           {"driverCalls", static_cast<double>(sample.driver_calls)},
                           {"stagedBytes", static_cast<double>(sample.staged_bytes)},
                           {"directBytes", static_cast<double>(sample.direct_bytes)},
                           {"linkBytesPerSecond", sample.link_bytes_per_s}});
}

Napi::Object BothToJs(Napi::Env env, const gauge::BothSample& sample) {
  return NumbersToJs(env, {{"loadAlone", sample.load_alone},
                           {"storeAlone", sample.store_alone},
                           {"load", sample.load},
                           {"store", sample.store},
                           {"linkBoth", sample.link_both}});
}

Napi::Object ProductToJs(Napi::Env env, const gauge::ProductSample& sample) {
  return NumbersToJs(env, {{"aloneSeconds", sample.alone_seconds},
                           {"besideSeconds", sample.beside_seconds},
                           {"covered", sample.covered},
                           {"copyBytesPerSecond", sample.copy_bytes_per_s},
                           {"linkBytesPerSecond", sample.link_bytes_per_s}});
}

Napi::Number NumberToJs(Napi::Env env, double number) { return Napi::Number::New(env, number); }

}  // namespace

gauge::GaugeOptions ReadGaugeOptions(Arguments& read, Napi::Value value) {
  const Napi::Object from = read.Object(value, "options");
  gauge::GaugeOptions options;
  options.ordinal = static_cast<int>(read.U32(read.Field(from, "gpu"), "gpu", 0, kGpusMax));
  options.slabs.folder.pool_dir = read.String(read.Field(from, "poolDir"), "poolDir");
  options.slabs.folder.slab_dir = read.String(read.Field(from, "slabDir"), "slabDir");
  options.slabs.fill.huge_pages = read.Bool(read.Field(from, "hugePages"), "hugePages");
  const Napi::Value nodes = read.Field(from, "numaNodes");
  const std::uint32_t node_count = read.ArrayLength(nodes, "numaNodes", kNodesMax);
  for (std::uint32_t i = 0; i < node_count && read.ok(); ++i) {
    options.slabs.fill.numa_nodes.push_back(read.U32(read.Element(nodes, i), "numaNodes[]"));
  }
  options.slab_bytes = read.Integer(read.Field(from, "slabBytes"), "slabBytes", kPageBytes,
                                    kSlabBytesMax);
  options.link_bytes =
      read.Integer(read.Field(from, "linkBytes"), "linkBytes", kLinkBytesMin, kLinkBytesMax);
  options.product_size =
      read.U32(read.Field(from, "productSize"), "productSize", 1, kProductSizeMax);
  options.row_seconds =
      read.PositiveNumber(read.Field(from, "rowSeconds"), "rowSeconds", kRowSecondsMax);
  options.threads = read.U32(read.Field(from, "threads"), "threads", 0, kThreadsMax);
  return options;
}

gauge::Scenario ReadScenario(Arguments& read, Napi::Value value) {
  const Napi::Object from = read.Object(value, "scenario");
  gauge::Scenario scenario;
  scenario.direction = ReadWord<gauge::ScenarioDirection>(
      read, read.Field(from, "direction"), "direction",
      {{"load", gauge::ScenarioDirection::kLoad},
       {"store", gauge::ScenarioDirection::kStore},
       {"both", gauge::ScenarioDirection::kBoth}});
  scenario.synchronous = read.Bool(read.Field(from, "synchronous"), "synchronous");
  scenario.shape.segment_bytes =
      read.Integer(read.Field(from, "segmentBytes"), "segmentBytes", 1);
  scenario.shape.layers = read.U32(read.Field(from, "layers"), "layers", 1, kLayersMax);
  scenario.shape.slots = read.U32(read.Field(from, "slots"), "slots", 1, kBlocksPerJobMax);
  scenario.shape.plan = ReadWord<cuda::PlanChoice>(read, read.Field(from, "plan"), "plan",
                                                   {{"auto", cuda::PlanChoice::kAuto},
                                                    {"direct", cuda::PlanChoice::kDirect},
                                                    {"staged", cuda::PlanChoice::kStaged}});
  scenario.device_order = ReadOrder(read, read.Field(from, "deviceOrder"), "deviceOrder");
  scenario.host_order = ReadOrder(read, read.Field(from, "hostOrder"), "hostOrder");
  scenario.layers_per_group =
      read.U32(read.Field(from, "layersPerGroup"), "layersPerGroup", 0, kLayersMax);
  scenario.fit_groups = read.Bool(read.Field(from, "fitGroups"), "fitGroups");
  scenario.repeats = read.U32(read.Field(from, "repeats"), "repeats", 1, kRepeatsMax);
  scenario.seed = read.U32(read.Field(from, "seed"), "seed");
  scenario.verify = read.Bool(read.Field(from, "verify"), "verify");
  scenario.beside_product = read.Bool(read.Field(from, "besideProduct"), "besideProduct");
  return scenario;
}

napi_value LinkToJs(Napi::Env env, const gauge::LinkRates& rates) {
  return NumbersToJs(env, {{"toDevice", rates.to_device},
                           {"toHost", rates.to_host},
                           {"both", rates.both},
                           {"oneCopyToDevice", rates.one_copy_to_device},
                           {"oneCopyToHost", rates.one_copy_to_host}});
}

napi_value MeasurementToJs(Napi::Env env, const gauge::Measurement& measurement) {
  const gauge::BedFacts& bed = measurement.bed;
  Napi::Object view =
      NumbersToJs(env, {{"jobBytes", static_cast<double>(measurement.job_bytes)},
                        {"groups", static_cast<double>(measurement.group_ends.size())},
                        {"checkedJobs", static_cast<double>(measurement.checked_jobs)},
                        {"wrongSegments", static_cast<double>(measurement.wrong.segments)},
                        {"pinSeconds", bed.pin_seconds},
                        {"pinnedBytes", static_cast<double>(bed.pinned_bytes)},
                        {"stagingBytes", static_cast<double>(bed.staging_bytes)},
                        {"deviceBytes", static_cast<double>(bed.device_bytes)}});
  view.Set("calibration", bed.calibration);
  view.Set("firstWrong", measurement.wrong.first);
  view.Set("jobs", ListToJs(env, measurement.jobs, JobToJs));
  view.Set("both", ListToJs(env, measurement.both, BothToJs));
  view.Set("product", ListToJs(env, measurement.product, ProductToJs));
  return view;
}

napi_value LatencyToJs(Napi::Env env, const gauge::LatencySamples& samples) {
  Napi::Object view = Napi::Object::New(env);
  view.Set("blockBytes", ToNumber(env, samples.block_bytes));
  view.Set("spinning", ListToJs(env, samples.spinning, NumberToJs));
  view.Set("waiting", ListToJs(env, samples.waiting, NumberToJs));
  return view;
}

}  // namespace pega::node
