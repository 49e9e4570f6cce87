#include "transfer/transfer_engine.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "base/limits.h"
#include "transfer/busy_clock.h"
#include "transfer/copy_job.h"

namespace pega {
namespace {

constexpr std::size_t kKinds = 3;
using JobPointer = std::shared_ptr<CopyJob>;

std::size_t Index(JobKind kind) { return static_cast<std::size_t>(kind); }

// The engine has no thread: who submits or ends a piece starts the next ones. One thread at a time
// does so (`pumping_`), because the device must get the pieces of a kind in order and Start is
// called without the mutex: a device may end a piece before Start returns.
class Engine final : public TransferEngine {
 public:
  explicit Engine(std::unique_ptr<Device> device) : device_(std::move(device)) {}
  ~Engine() override { Drain(); }

  Result<JobId> Submit(JobSpec spec) override;
  Status WaitGroup(JobId id, std::uint32_t group, std::chrono::milliseconds timeout) override;
  Result<JobReport> Poll(JobId id) override;
  Result<StreamPointPtr> Mark(std::uint64_t stream) override { return device_->Mark(stream); }
  Status HoldStream(JobId id, std::uint32_t group, std::uint64_t stream) override;
  void Forget(JobId id) override;
  TransferStats stats() const override;
  void Drain() override;

 private:
  using Lock = std::unique_lock<std::mutex>;

  Result<JobPointer> Find(JobId id) const;
  JobPointer NextJob();
  void Pump(Lock& lock);
  void EndPiece(const JobPointer& job, const CopyPiece& piece, const Status& status);
  void EndJob(const CopyJob& job);
  void CallBack(const JobPointer& job, Lock& lock);
  bool SyncLoadsStartAtOnce() const {
    return device_->pieces_in_flight_max(JobKind::kLoadSync) == Device::kNoPieceLimit;
  }
  BusyClock& clock(JobKind kind) { return kind == JobKind::kStore ? store_clock_ : load_clock_; }

  const std::unique_ptr<Device> device_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::unordered_map<JobId, JobPointer> jobs_;          // running, or done and not forgotten
  std::array<std::deque<JobPointer>, kKinds> waiting_;  // with pieces to start, oldest first
  std::array<std::uint32_t, kKinds> pieces_in_flight_{};
  JobId last_id_ = 0;
  bool pumping_ = false;
  bool draining_ = false;
  std::uint32_t calling_back_ = 0;  // jobs whose callbacks run now
  BusyClock load_clock_;
  BusyClock store_clock_;
  TransferStats stats_;  // but the times
};

Result<JobPointer> Engine::Find(JobId id) const {
  const auto found = jobs_.find(id);
  if (found == jobs_.end() || found->second->forgotten) {
    return Status(Code::kNotFound, "no job " + std::to_string(id) + " in this transfer engine");
  }
  return found->second;
}

Result<JobId> Engine::Submit(JobSpec spec) {
  PEGA_RETURN_IF_ERROR(CopyJob::Check(spec, device_->layout()));
  Lock lock(mutex_);
  if (draining_) return Status(Code::kCancelled, "the transfer engine is closed");
  if (jobs_.size() >= kTransferJobsMax) {
    return Status(Code::kLimit, std::to_string(jobs_.size()) +
                                    " jobs run or wait to be forgotten; that is the limit");
  }
  const JobId id = ++last_id_;
  JobPointer job = std::make_shared<CopyJob>(id, std::move(spec), device_->layout());
  jobs_.emplace(id, job);
  ++stats_.jobs_now;
  waiting_[Index(job->kind())].push_back(job);
  Pump(lock);
  if (job->kind() == JobKind::kLoadSync && SyncLoadsStartAtOnce()) {
    // Another thread may be starting pieces now, ours among them.
    changed_.wait(lock, [&] { return !job->HasNext() && !job->starting; });
  }
  return id;
}

// The first kind that has a job waiting is the only one that may start a piece; but for stores, where
// they have a way of their own.
JobPointer Engine::NextJob() {
  for (const JobKind kind : {JobKind::kLoadSync, JobKind::kLoadAsync, JobKind::kStore}) {
    std::deque<JobPointer>& queue = waiting_[Index(kind)];
    while (!queue.empty() && !queue.front()->HasNext()) queue.pop_front();
    if (queue.empty()) continue;
    const std::uint32_t most = std::max(1U, device_->pieces_in_flight_max(kind));
    if (pieces_in_flight_[Index(kind)] < most) return queue.front();
    if (!device_->duplex()) return nullptr;
  }
  return nullptr;
}

void Engine::Pump(Lock& lock) {
  if (pumping_) return;  // that thread looks again before it stops
  pumping_ = true;
  while (const JobPointer job = NextJob()) {
    const CopyPiece piece = job->TakeNext();
    ++pieces_in_flight_[Index(piece.kind)];
    clock(piece.kind).Enter();
    job->starting = true;
    lock.unlock();
    StreamPointPtr end = device_->Start(
        piece, [this, job, piece](const Status& status) { EndPiece(job, piece, status); });
    lock.lock();
    job->starting = false;
    if (piece.kind == JobKind::kLoadSync) {
      job->group_points.push_back(std::move(end));
      if (!job->HasNext()) changed_.notify_all();
    }
  }
  pumping_ = false;
  changed_.notify_all();
}

// Notifies while it holds the mutex: after the unlock the engine may be gone.
void Engine::EndPiece(const JobPointer& job, const CopyPiece& piece, const Status& status) {
  Lock lock(mutex_);
  --pieces_in_flight_[Index(piece.kind)];
  clock(piece.kind).Leave();
  if (status.ok()) {
    std::uint64_t& bytes =
        piece.kind == JobKind::kStore ? stats_.store_bytes_total : stats_.load_bytes_total;
    bytes += job->PieceBytes(piece);
  }
  job->EndPiece(piece, status);
  if (job->done()) EndJob(*job);
  changed_.notify_all();
  Pump(lock);
  CallBack(job, lock);
}

void Engine::EndJob(const CopyJob& job) {
  --stats_.jobs_now;
  ++(job.kind() == JobKind::kStore ? stats_.store_jobs_total : stats_.load_jobs_total);
  if (!job.status().ok()) ++stats_.failed_jobs_total;
  if (job.forgotten) jobs_.erase(job.id());
}

void Engine::CallBack(const JobPointer& job, Lock& lock) {
  if (!job->spec().on_group || job->calling_back) return;
  job->calling_back = true;
  ++calling_back_;
  while (job->callbacks_delivered < job->group_count() &&
         job->GroupEnded(job->callbacks_delivered)) {
    const std::uint32_t group = job->callbacks_delivered++;
    const Status status = job->GroupStatus(group);
    lock.unlock();
    job->spec().on_group(job->id(), group, status);
    lock.lock();
  }
  job->calling_back = false;
  --calling_back_;
  changed_.notify_all();
}

Status Engine::WaitGroup(JobId id, std::uint32_t group, std::chrono::milliseconds timeout) {
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24 * 365);  // no overflow below
  Lock lock(mutex_);
  Result<JobPointer> found = Find(id);
  if (!found.ok()) return found.status();
  const JobPointer job = found.value();
  if (group >= job->group_count()) {
    return Status(Code::kInvalidArgument, "group " + std::to_string(group) + " of job " +
                                              std::to_string(id) + ", which has " +
                                              std::to_string(job->group_count()));
  }
  const auto deadline = std::chrono::steady_clock::now() + std::min(timeout, kLongest);
  if (!changed_.wait_until(lock, deadline, [&] { return job->GroupEnded(group); })) {
    return Status(Code::kTimeout, "group " + std::to_string(group) + " of job " +
                                      std::to_string(id) + " has not ended within " +
                                      std::to_string(timeout.count()) + " ms");
  }
  return job->GroupStatus(group);
}

// Pieces of a synchronous load are its groups, in order (CopyJob::BlocksPerPiece).
Status Engine::HoldStream(JobId id, std::uint32_t group, std::uint64_t stream) {
  Lock lock(mutex_);
  Result<JobPointer> found = Find(id);
  if (!found.ok()) return found.status();
  const JobPointer job = found.value();
  if (job->kind() != JobKind::kLoadSync || group >= job->group_count()) {
    return Status(Code::kInvalidArgument, "group " + std::to_string(group) + " of job " +
                                              std::to_string(id) + " is of no synchronous load");
  }
  if (job->GroupEnded(group)) return job->GroupStatus(group);
  if (!SyncLoadsStartAtOnce()) {
    return Status(Code::kUnsupported, "this device's copies can't be waited for by a stream");
  }
  const StreamPointPtr end =
      group < job->group_points.size() ? job->group_points[group] : StreamPointPtr{};
  // Its failure follows, but perhaps only behind the computation that other groups wait for.
  if (!end) {
    return Status(Code::kDevice, "group " + std::to_string(group) + " of job " +
                                     std::to_string(id) + " could not be given to the device");
  }
  lock.unlock();
  return device_->HoldStream(stream, *end);
}

Result<JobReport> Engine::Poll(JobId id) {
  const Lock lock(mutex_);
  Result<JobPointer> found = Find(id);
  if (!found.ok()) return found.status();
  const CopyJob& job = *found.value();
  return JobReport{.done = job.done(),
                   .groups_done = job.groups_done(),
                   .status = job.done() ? job.status() : Status::Ok()};
}

void Engine::Forget(JobId id) {
  const Lock lock(mutex_);
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return;
  found->second->forgotten = true;
  if (found->second->done()) jobs_.erase(found);
}

TransferStats Engine::stats() const {
  const Lock lock(mutex_);
  TransferStats stats = stats_;
  stats.load_busy_ns_total = load_clock_.TotalNs();
  stats.store_busy_ns_total = store_clock_.TotalNs();
  return stats;
}

void Engine::Drain() {
  Lock lock(mutex_);
  draining_ = true;
  std::deque<JobPointer> cancelled;
  for (std::deque<JobPointer>& queue : waiting_) {
    for (const JobPointer& job : queue) {
      if (!job->HasNext()) continue;
      job->Cancel();
      if (job->done()) EndJob(*job);
      cancelled.push_back(job);
    }
    queue.clear();
  }
  changed_.notify_all();
  for (const JobPointer& job : cancelled) CallBack(job, lock);
  changed_.wait(lock, [&] {
    return !pumping_ && calling_back_ == 0 && pieces_in_flight_ == decltype(pieces_in_flight_){};
  });
}

}  // namespace

std::unique_ptr<TransferEngine> TransferEngine::Create(std::unique_ptr<Device> device) {
  return std::make_unique<Engine>(std::move(device));
}

}  // namespace pega
