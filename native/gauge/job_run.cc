#include "gauge/job_run.h"

#include <algorithm>
#include <utility>

namespace pega::gauge {
namespace {

constexpr std::chrono::seconds kJobTimeMax{60};

}  // namespace

JobRun::JobRun(JobSpec spec, std::uint64_t job_bytes, std::uint32_t layers)
    : spec_(std::move(spec)) {
  std::vector<std::uint32_t> ends = spec_.group_ends;
  if (ends.empty()) ends = {layers};
  std::uint32_t from = 0;
  for (const std::uint32_t end : ends) {
    group_bytes_.push_back(static_cast<double>(job_bytes) * (end - from) / layers);
    from = end;
  }
  log_->ends.resize(ends.size());
  spec_.on_group = [log = log_](JobId, std::uint32_t group, const Status& status) {
    log->ends[group] = Clock::now();
    if (status.ok() && group + 1 < log->ends.size()) return;
    if (log->over.load()) return;  // groups behind one that failed
    log->status = status;
    log->over.store(true);
    log->over.notify_all();
  };
}

Status JobRun::Submit(TransferEngine& engine) {
  submitted_ = Clock::now();
  Result<JobId> id = engine.Submit(std::move(spec_));
  returned_ = Clock::now();
  if (!id.ok()) return id.status();
  id_ = id.value();
  return Status::Ok();
}

// The engine tells its waiters before it calls back: `over` comes a moment later.
Status JobRun::Wait(TransferEngine& engine) {
  const auto last = static_cast<std::uint32_t>(group_bytes_.size() - 1);
  const Status waited = engine.WaitGroup(id_, last, kJobTimeMax);
  if (waited.code() == Code::kTimeout || waited.code() == Code::kNotFound) return waited;
  log_->over.wait(false);
  return Over(engine);
}

Status JobRun::Spin(TransferEngine& engine) {
  const Clock::time_point start = Clock::now();
  while (!log_->over.load()) {
    if (Clock::now() - start > kJobTimeMax) return Wait(engine);
  }
  return Over(engine);
}

Status JobRun::Over(TransferEngine& engine) {
  engine.Forget(id_);
  return log_->status;
}

double JobRun::BytesBy(Clock::time_point when, Clock::time_point began) const {
  double bytes = 0;
  Clock::time_point from = began;
  for (std::size_t group = 0; group < group_bytes_.size(); ++group) {
    const Clock::time_point end = log_->ends[group];
    if (when < end) {
      const double share = when <= from ? 0 : Seconds(when - from) / Seconds(end - from);
      return bytes + group_bytes_[group] * share;
    }
    bytes += group_bytes_[group];
    from = end;
  }
  return bytes;
}

Status JobRow::Submit(TransferEngine& engine) {
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const Status submitted = jobs[i].Submit(engine);
    if (submitted.ok()) continue;
    jobs.erase(jobs.begin() + static_cast<std::ptrdiff_t>(i), jobs.end());
    (void)Wait(engine);  // those before it write to memory that will go
    return submitted;
  }
  return Status::Ok();
}

Status JobRow::Wait(TransferEngine& engine) {
  Status first;
  for (JobRun& job : jobs) {
    const Status ended = job.Wait(engine);
    if (first.ok()) first = ended;
  }
  return first;
}

// A job's copies begin when those of the one before it have ended, not when it was submitted.
double JobRow::BytesBy(Clock::time_point when) const {
  double bytes = 0;
  Clock::time_point began = this->began();
  for (const JobRun& job : jobs) {
    began = std::max(began, job.submitted());
    bytes += job.BytesBy(when, began);
    began = job.ended();
  }
  return bytes;
}

}  // namespace pega::gauge
