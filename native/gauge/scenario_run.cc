#include "gauge/scenario_run.h"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <thread>
#include <utility>

namespace pega::gauge {
namespace {

constexpr std::uint64_t kDriverCallsMax = 500;  // of a synchronous load (PROTOCOL §6)
constexpr std::uint32_t kWarmUps = 2;
constexpr double kJobsInRowMax = 64;
// The copies outlast the product, so that all of it runs beside them.
constexpr double kProductShareOfRow = 0.8;
// Threads that wait for work have gone to sleep by then.
constexpr std::chrono::microseconds kIdle{200};

double CpuSeconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

}  // namespace

ScenarioRun::ScenarioRun(const Scenario& scenario, ScenarioTools tools)
    : scenario_(scenario), tools_(tools) {
  const auto [direction, device, host] =
      std::tuple{scenario.direction, scenario.device_order, scenario.host_order};
  if (direction != ScenarioDirection::kStore) {
    load_blocks_ = tools_.bed.Blocks(CopyDirection::kLoad, device, host);
  }
  if (direction != ScenarioDirection::kLoad) {
    store_blocks_ = tools_.bed.Blocks(CopyDirection::kStore, device, host);
  }
  measured_.job_bytes = scenario.shape.slot_bytes() * scenario.shape.slots;
  measured_.bed = tools_.bed.facts();
}

Result<Measurement> ScenarioRun::Run() {
  if (!load_blocks_.empty()) PEGA_RETURN_IF_ERROR(ChooseGroups());
  PEGA_RETURN_IF_ERROR(WarmUp());
  for (std::uint32_t repeat = 0; repeat < scenario_.repeats; ++repeat) {
    PEGA_RETURN_IF_ERROR(CheckCancelled());
    if (scenario_.direction == ScenarioDirection::kBoth) {
      Result<BothSample> sample = RunBoth();
      if (!sample.ok()) return sample.status();
      measured_.both.push_back(sample.value());
    } else if (WithProduct()) {
      Result<ProductSample> sample = RunBesideProduct(repeat % 2 == 0);
      if (!sample.ok()) return sample.status();
      measured_.product.push_back(sample.value());
    } else {
      Result<JobSample> sample = RunJob();
      if (!sample.ok()) return sample.status();
      measured_.jobs.push_back(sample.value());
    }
  }
  return std::move(measured_);
}

Status ScenarioRun::CheckCancelled() const {
  return tools_.cancelled.load() ? Status(Code::kCancelled, "the measurement was given up")
                                 : Status::Ok();
}

Status ScenarioRun::ChooseGroups() {
  const std::uint32_t layers = scenario_.shape.layers;
  const std::uint32_t in_group =
      scenario_.layers_per_group == 0 ? layers : scenario_.layers_per_group;
  std::vector<std::uint32_t>& ends = measured_.group_ends;
  if (scenario_.fit_groups && scenario_.synchronous) {
    ends = tools_.bed.device().FitGroups(load_blocks_, in_group, kDriverCallsMax);
    if (!ends.empty()) return Status::Ok();  // else it is no synchronous load for a worker: all at once
    ends = {layers};
    return Status::Ok();
  }
  for (std::uint32_t end = in_group; end < layers; end += in_group) ends.push_back(end);
  ends.push_back(layers);
  return Status::Ok();
}

JobRun ScenarioRun::MakeJob(CopyDirection direction) const {
  JobSpec spec;
  spec.blocks = Blocks(direction);
  if (direction == CopyDirection::kStore) {
    spec.kind = JobKind::kStore;
  } else {
    spec.kind = scenario_.synchronous ? JobKind::kLoadSync : JobKind::kLoadAsync;
    spec.group_ends = measured_.group_ends;
  }
  return JobRun(std::move(spec), measured_.job_bytes, scenario_.shape.layers);
}

JobRow ScenarioRun::MakeRow(CopyDirection direction) const {
  JobRow row;
  for (std::uint32_t i = 0; i < jobs_in_row_; ++i) row.jobs.push_back(MakeJob(direction));
  return row;
}

Status ScenarioRun::Clear(CopyDirection direction) {
  return scenario_.verify ? tools_.bed.Clear(direction) : Status::Ok();
}

Status ScenarioRun::Check(CopyDirection direction) {
  if (!scenario_.verify) return Status::Ok();
  Result<WrongBytes> wrong = tools_.bed.Check(direction, Blocks(direction));
  if (!wrong.ok()) return wrong.status();
  measured_.wrong.Add(wrong.value());
  ++measured_.checked_jobs;
  return Status::Ok();
}

Status ScenarioRun::WarmUp() {
  TransferEngine& engine = tools_.bed.engine();
  for (const CopyDirection direction : {CopyDirection::kLoad, CopyDirection::kStore}) {
    if (Blocks(direction).empty()) continue;
    for (std::uint32_t i = 0; i < kWarmUps; ++i) {
      PEGA_RETURN_IF_ERROR(CheckCancelled());
      PEGA_RETURN_IF_ERROR(Clear(direction));
      JobRun job = MakeJob(direction);
      PEGA_RETURN_IF_ERROR(job.Submit(engine));
      PEGA_RETURN_IF_ERROR(job.Wait(engine));
      PEGA_RETURN_IF_ERROR(Check(direction));
      job_seconds_ = std::max(Seconds(job.ended() - job.submitted()), 1e-6);
    }
  }
  const double jobs = std::ceil(tools_.row_seconds / job_seconds_);
  jobs_in_row_ = static_cast<std::uint32_t>(std::clamp(jobs, 2.0, kJobsInRowMax));
  return Status::Ok();
}

Result<JobSample> ScenarioRun::RunJob() {
  const CopyDirection direction = OneDirection();
  PEGA_RETURN_IF_ERROR(Clear(direction));
  Result<double> link = tools_.link.Measure(direction);
  if (!link.ok()) return link.status();
  JobRun job = MakeJob(direction);
  const cuda::CudaDeviceStats before = tools_.bed.device().stats();
  const double cpu_before = CpuSeconds();
  PEGA_RETURN_IF_ERROR(job.Submit(tools_.bed.engine()));
  const std::uint64_t calls_submitted = tools_.bed.device().stats().driver_calls_total;
  PEGA_RETURN_IF_ERROR(job.Wait(tools_.bed.engine()));
  const double cpu_after = CpuSeconds();
  const cuda::CudaDeviceStats after = tools_.bed.device().stats();
  PEGA_RETURN_IF_ERROR(Check(direction));
  return JobSample{.seconds = Seconds(job.ended() - job.submitted()),
                   .submit_seconds = Seconds(job.returned() - job.submitted()),
                   .cpu_seconds = cpu_after - cpu_before,
                   .submit_driver_calls = calls_submitted - before.driver_calls_total,
                   .driver_calls = after.driver_calls_total - before.driver_calls_total,
                   .staged_bytes = after.staged_bytes_total - before.staged_bytes_total,
                   .direct_bytes = after.direct_bytes_total - before.direct_bytes_total,
                   .link_bytes_per_s = link.value()};
}

Result<double> ScenarioRun::RunRow(CopyDirection direction) {
  JobRow row = MakeRow(direction);
  PEGA_RETURN_IF_ERROR(row.Submit(tools_.bed.engine()));
  PEGA_RETURN_IF_ERROR(row.Wait(tools_.bed.engine()));
  return static_cast<double>(measured_.job_bytes) * jobs_in_row_ /
         Seconds(row.ended() - row.began());
}

Result<BothSample> ScenarioRun::RunBoth() {
  TransferEngine& engine = tools_.bed.engine();
  Result<double> link = tools_.link.MeasureBoth();
  if (!link.ok()) return link.status();
  Result<double> load_alone = RunRow(CopyDirection::kLoad);
  if (!load_alone.ok()) return load_alone.status();
  Result<double> store_alone = RunRow(CopyDirection::kStore);
  if (!store_alone.ok()) return store_alone.status();
  PEGA_RETURN_IF_ERROR(Clear(CopyDirection::kLoad));
  PEGA_RETURN_IF_ERROR(Clear(CopyDirection::kStore));
  JobRow stores = MakeRow(CopyDirection::kStore);
  JobRow loads = MakeRow(CopyDirection::kLoad);
  PEGA_RETURN_IF_ERROR(stores.Submit(engine));
  const Status loads_submitted = loads.Submit(engine);
  Status ended = loads_submitted.ok() ? loads.Wait(engine) : loads_submitted;
  const Status stores_ended = stores.Wait(engine);
  if (ended.ok()) ended = stores_ended;
  if (!ended.ok()) return ended;
  PEGA_RETURN_IF_ERROR(Check(CopyDirection::kLoad));
  PEGA_RETURN_IF_ERROR(Check(CopyDirection::kStore));
  const Clock::time_point from = std::max(loads.began(), stores.began());
  const Clock::time_point to = std::min(loads.ended(), stores.ended());
  const double common = Seconds(to - from);
  if (common <= 0) return Status(Code::kInternal, "loads and stores never ran at once");
  return BothSample{.load_alone = load_alone.value(),
                    .store_alone = store_alone.value(),
                    .load = (loads.BytesBy(to) - loads.BytesBy(from)) / common,
                    .store = (stores.BytesBy(to) - stores.BytesBy(from)) / common,
                    .link_both = link.value()};
}

Result<ProductSample> ScenarioRun::RunBesideProduct(bool alone_first) {
  ProductLoad& product = *tools_.product;
  ProductSample sample;
  const double seconds = kProductShareOfRow * jobs_in_row_ * job_seconds_;
  const auto launches = static_cast<std::uint32_t>(
      std::clamp(seconds / product.launch_seconds(), 1.0, 100'000.0));
  Result<double> link = tools_.link.Measure(OneDirection());
  if (!link.ok()) return link.status();
  sample.link_bytes_per_s = link.value();
  const auto alone = [&]() -> Status {
    PEGA_RETURN_IF_ERROR(product.Start(launches));
    Result<ProductLoad::End> end = product.Finish();
    if (!end.ok()) return end.status();
    sample.alone_seconds = end.value().seconds;
    return Status::Ok();
  };
  if (alone_first) PEGA_RETURN_IF_ERROR(alone());
  PEGA_RETURN_IF_ERROR(RunRowBesideProduct(launches, sample));
  if (!alone_first) PEGA_RETURN_IF_ERROR(alone());
  return sample;
}

Status ScenarioRun::RunRowBesideProduct(std::uint32_t launches, ProductSample& sample) {
  TransferEngine& engine = tools_.bed.engine();
  PEGA_RETURN_IF_ERROR(Clear(OneDirection()));
  JobRow row = MakeRow(OneDirection());
  const Clock::time_point started = Clock::now();
  PEGA_RETURN_IF_ERROR(tools_.product->Start(launches));
  const Status submitted = row.Submit(engine);
  Result<ProductLoad::End> end = tools_.product->Finish();
  if (!submitted.ok()) return submitted;
  PEGA_RETURN_IF_ERROR(row.Wait(engine));
  if (!end.ok()) return end.status();
  PEGA_RETURN_IF_ERROR(Check(OneDirection()));
  const Clock::time_point both_until = std::min(end.value().seen, row.ended());
  const double both_seconds = std::max(Seconds(both_until - row.began()), 1e-9);
  sample.beside_seconds = end.value().seconds;
  sample.covered = std::min(1.0, both_seconds / Seconds(end.value().seen - started));
  sample.copy_bytes_per_s = row.BytesBy(both_until) / both_seconds;
  return Status::Ok();
}

Result<LatencySamples> ScenarioRun::RunLatency(std::uint32_t count) {
  LatencySamples samples;
  samples.block_bytes = scenario_.shape.slot_bytes();
  const auto blocks = static_cast<std::uint32_t>(Blocks(OneDirection()).size());
  for (const bool spinning : {true, false}) {
    std::vector<double>& into = spinning ? samples.spinning : samples.waiting;
    for (std::uint32_t i = 0; i < kWarmUps; ++i) {
      Result<double> warm = RunOneBlock(i % blocks, spinning);
      if (!warm.ok()) return warm.status();
    }
    for (std::uint32_t i = 0; i < count; ++i) {
      PEGA_RETURN_IF_ERROR(CheckCancelled());
      std::this_thread::sleep_for(kIdle);
      Result<double> seconds = RunOneBlock(i % blocks, spinning);
      if (!seconds.ok()) return seconds.status();
      into.push_back(seconds.value());
    }
  }
  return samples;
}

Result<double> ScenarioRun::RunOneBlock(std::uint32_t index, bool spinning) {
  JobSpec spec;
  spec.blocks = {Blocks(OneDirection())[index]};
  spec.kind = OneDirection() == CopyDirection::kStore ? JobKind::kStore
              : scenario_.synchronous                 ? JobKind::kLoadSync
                                                      : JobKind::kLoadAsync;
  JobRun job(std::move(spec), scenario_.shape.slot_bytes(), scenario_.shape.layers);
  PEGA_RETURN_IF_ERROR(job.Submit(tools_.bed.engine()));
  const Status ended =
      spinning ? job.Spin(tools_.bed.engine()) : job.Wait(tools_.bed.engine());
  const Clock::time_point seen = Clock::now();
  if (!ended.ok()) return ended;
  return Seconds(seen - job.submitted());
}

}  // namespace pega::gauge
