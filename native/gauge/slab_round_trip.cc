#include "gauge/slab_round_trip.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "cuda/driver/handles.h"
#include "gauge/block_order.h"
#include "transfer/transfer_engine.h"

namespace pega::gauge {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kWithin{60'000};
constexpr milliseconds kLookEvery{1};
constexpr std::uint32_t kLayersPerGroup = 4;
constexpr std::uint64_t kSeed = 1;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Status Check(const SlabRoundTripOptions& options) {
  const bool fits = options.layers > 0 && options.layer_bytes > 0 && !options.sources.empty() &&
                    options.sources.size() == options.targets.size();
  if (fits) return Status::Ok();
  return Status(Code::kInvalidArgument,
                "a round trip needs layers, their bytes, and as many targets as sources");
}

// One tensor a layer, blocks one after another, as vLLM has them.
Result<BlockLayout> MakeLayout(std::uint64_t address, const SlabRoundTripOptions& options) {
  const std::uint64_t blocks = options.sources.size();
  const std::uint64_t layer_bytes = options.layer_bytes * blocks;
  std::vector<Allocation> allocations;
  std::vector<LayerSegment> segments;
  for (std::uint32_t layer = 0; layer < options.layers; ++layer) {
    allocations.push_back({address + layer * layer_bytes, layer_bytes});
    segments.push_back({layer, layer, 0, options.layer_bytes, options.layer_bytes});
  }
  return BlockLayout::Create(std::move(allocations), std::move(segments), blocks);
}

Status UntilRegistered(const cuda::CudaDevice& device, std::uint32_t slabs) {
  const Clock::time_point end = Clock::now() + kWithin;
  while (device.slabs_ready() < slabs) {
    PEGA_RETURN_IF_ERROR(device.stats().pins.error);
    if (Clock::now() > end) {
      return Status(Code::kTimeout, std::to_string(device.slabs_ready()) + " of " +
                                        std::to_string(slabs) + " slabs registered in a minute");
    }
    std::this_thread::sleep_for(kLookEvery);
  }
  return Status::Ok();
}

std::uint32_t SlabsUsed(const SlabRoundTripOptions& options) {
  std::uint32_t used = 0;
  for (const std::vector<SlotAddress>* slots : {&options.sources, &options.targets}) {
    for (const SlotAddress& slot : *slots) used = std::max(used, slot.slab_ordinal + 1);
  }
  return used;
}

struct Rate {
  double bytes_per_s = 0;
  std::uint32_t rounds = 0;
};

// The same copy again and again, one at a time, for `seconds`.
Result<Rate> Repeat(TransferEngine& engine, const JobSpec& job, std::uint64_t bytes,
                    double seconds) {
  Rate rate;
  double took = 0;
  while (took < seconds || rate.rounds == 0) {
    const auto last = static_cast<std::uint32_t>(std::max<std::size_t>(1, job.group_ends.size()));
    const Clock::time_point start = Clock::now();
    Result<JobId> id = engine.Submit(job);
    if (!id.ok()) return id.status();
    PEGA_RETURN_IF_ERROR(engine.WaitGroup(id.value(), last - 1, kWithin));
    took += SecondsSince(start);
    engine.Forget(id.value());
    ++rate.rounds;
  }
  rate.bytes_per_s = static_cast<double>(bytes) * rate.rounds / took;
  return rate;
}

JobSpec MakeJob(JobKind kind, const std::vector<SlotAddress>& slots, std::uint32_t layers) {
  JobSpec job{.kind = kind};
  const std::vector<std::uint32_t> order =
      MakeOrder(Order::kShuffled, static_cast<std::uint32_t>(slots.size()), kSeed);
  for (std::size_t i = 0; i < slots.size(); ++i) job.blocks.push_back({order[i], slots[i]});
  if (kind == JobKind::kStore) return job;
  for (std::uint32_t end = 0; end < layers;) {
    end = std::min(layers, end + kLayersPerGroup);
    job.group_ends.push_back(end);
  }
  return job;
}

Status Copy(TransferEngine& engine, const SlabRoundTripOptions& options, JobKind load_kind,
            SlabRoundTrip* trip) {
  const JobSpec load = MakeJob(load_kind, options.sources, options.layers);
  Result<Rate> loaded = Repeat(engine, load, trip->bytes, options.seconds);
  if (!loaded.ok()) return loaded.status();
  const JobSpec store = MakeJob(JobKind::kStore, options.targets, options.layers);
  Result<Rate> stored = Repeat(engine, store, trip->bytes, options.seconds);
  if (!stored.ok()) return stored.status();
  trip->load_bytes_per_s = loaded.value().bytes_per_s;
  trip->load_rounds = loaded.value().rounds;
  trip->store_bytes_per_s = stored.value().bytes_per_s;
  trip->store_rounds = stored.value().rounds;
  return Status::Ok();
}

}  // namespace

Result<SlabRoundTrip> MeasureSlabRoundTrip(std::shared_ptr<SlabSet> slabs,
                                           const SlabRoundTripOptions& options,
                                           const cuda::DriverApi* api) {
  PEGA_RETURN_IF_ERROR(Check(options));
  Result<const cuda::DriverApi*> driver =
      api == nullptr ? cuda::DriverApi::Get() : Result<const cuda::DriverApi*>(api);
  if (!driver.ok()) return driver.status();
  SlabRoundTrip trip;
  trip.bytes = options.layer_bytes * options.layers * options.sources.size();

  Clock::time_point start = Clock::now();
  Result<cuda::ContextPtr> context =
      cuda::Context::RetainPrimary(*driver.value(), options.ordinal);
  if (!context.ok()) return context.status();
  const cuda::ScopedContext current(*context.value());
  PEGA_RETURN_IF_ERROR(current.status());
  trip.context_s = SecondsSince(start);

  start = Clock::now();
  Result<cuda::DeviceMemory> memory = cuda::AllocateDevice(context.value(), trip.bytes);
  if (!memory.ok()) return memory.status();
  Result<BlockLayout> layout = MakeLayout(memory.value().get(), options);
  if (!layout.ok()) return layout.status();
  cuda::CudaDeviceOptions device_options;
  device_options.ordinal = options.ordinal;
  device_options.slab_bytes = options.slab_bytes;
  device_options.calibrate = false;  // leaves no file behind
  Result<std::unique_ptr<cuda::CudaDevice>> made = cuda::CudaDevice::Create(
      std::move(layout).value(), std::move(slabs), device_options, driver.value());
  if (!made.ok()) return made.status();
  cuda::CudaDevice& device = *made.value();
  const std::unique_ptr<TransferEngine> engine =
      TransferEngine::Create(std::move(made).value());
  trip.device_s = SecondsSince(start);

  start = Clock::now();
  PEGA_RETURN_IF_ERROR(UntilRegistered(device, SlabsUsed(options)));
  trip.register_s = SecondsSince(start);
  PEGA_RETURN_IF_ERROR(Copy(
      *engine, options,
      device.sync_loads_possible() ? JobKind::kLoadSync : JobKind::kLoadAsync, &trip));
  trip.device = device.stats();
  return trip;
}

}  // namespace pega::gauge
