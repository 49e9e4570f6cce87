#include "cuda/device/copy_thread.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>

#include <algorithm>
#include <utility>

namespace pega::cuda {
namespace {

using std::chrono::microseconds;
constexpr microseconds kLookEvery{10};
constexpr microseconds kSleepShortest{30};  // a shorter one would not end in time
constexpr microseconds kSleepLongest{200};
constexpr std::array<JobKind, 3> kKinds = {JobKind::kLoadSync, JobKind::kLoadAsync,
                                           JobKind::kStore};

std::size_t Index(JobKind kind) { return static_cast<std::size_t>(kind); }

// A slab that was cut short or punched has other pages than those that are registered here: what was
// copied is not what others see. Its path may be gone: a server that stops removes it.
Status CheckSlabs(const std::vector<std::shared_ptr<SlabFile>>& slabs) {
  for (const std::shared_ptr<SlabFile>& slab : slabs) {
    PEGA_RETURN_IF_ERROR(slab->CheckWhole());
  }
  return Status::Ok();
}

}  // namespace

CopyThread::CopyThread(ContextPtr context, Work& work)
    : context_(std::move(context)), work_(work) {
  // Signals are for the threads of the program that we live in.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { Run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

CopyThread::~CopyThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void CopyThread::Queue(const CopyPiece& piece, std::function<void(Status)> done) {
  {
    const std::lock_guard lock(mutex_);
    waiting_[Index(piece.kind)].push_back({piece, std::move(done)});
    ++wakes_;
  }
  changed_.notify_all();
}

void CopyThread::Follow(JobKind kind, Given given, std::function<void(Status)> done) {
  {
    const std::lock_guard lock(mutex_);
    in_flight_[Index(kind)].push_back(Expect(kind, std::move(given), std::move(done)));
    ++wakes_;
  }
  changed_.notify_all();
}

void CopyThread::Wake() {
  {
    const std::lock_guard lock(mutex_);
    ++wakes_;
  }
  changed_.notify_all();
}

Status CopyThread::broken() const {
  const std::lock_guard lock(mutex_);
  return broken_;
}

// Copies of a direction follow each other on the link.
CopyThread::InFlight CopyThread::Expect(JobKind kind, Given given,
                                        std::function<void(Status)> done) {
  const auto takes = std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(given.expected_seconds));
  Clock::time_point& link_free = link_free_[kind == JobKind::kStore ? 1 : 0];
  link_free = std::max(link_free, Clock::now()) + takes;
  return {.given = std::move(given), .done = std::move(done), .expected_end = link_free};
}

void CopyThread::Run() {
  pthread_setname_np(pthread_self(), "pega-copies");
  prctl(PR_SET_TIMERSLACK, 1000);  // nanoseconds; 50 µs otherwise
  const ScopedContext current(*context_);
  Lock lock(mutex_);
  if (!current.status().ok()) Break(current.status());
  for (;;) {
    const std::uint64_t wakes = wakes_;
    bool moved = false;
    for (const JobKind kind : kKinds) {
      while (EndOldest(kind, lock)) moved = true;
      while (GiveWaiting(kind, lock)) moved = true;
    }
    if (moved) continue;
    if (!Idle()) {
      const Clock::duration pause = PauseUntilNextLook();
      if (pause >= kSleepShortest) {
        changed_.wait_for(lock, pause, [&] { return wakes_ != wakes; });
      } else {
        lock.unlock();
        std::this_thread::yield();
        lock.lock();
      }
      continue;
    }
    if (stopping_) return;
    changed_.wait(lock, [&] { return wakes_ != wakes || stopping_; });
  }
}

// Nothing to look at: pieces that wait for a slab are woken for.
bool CopyThread::Idle() const {
  return std::all_of(in_flight_.begin(), in_flight_.end(),
                     [](const auto& queue) { return queue.empty(); });
}

bool CopyThread::GiveWaiting(JobKind kind, Lock& lock) {
  std::deque<Waiting>& queue = waiting_[Index(kind)];
  const std::uint64_t wakes = wakes_;
  if (queue.empty() || refused_at_[Index(kind)] == wakes) return false;
  Given given{.status = broken_};
  if (broken_.ok()) {
    const CopyPiece piece = queue.front().piece;
    lock.unlock();
    given = work_.Give(piece);
    lock.lock();
    if (given.waits) {
      refused_at_[Index(kind)] = wakes;
      return false;
    }
  }
  InFlight next = Expect(kind, std::move(given), std::move(queue.front().done));
  queue.pop_front();
  in_flight_[Index(kind)].push_back(std::move(next));
  return true;
}

bool CopyThread::EndOldest(JobKind kind, Lock& lock) {
  std::deque<InFlight>& queue = in_flight_[Index(kind)];
  if (queue.empty()) return false;
  if (queue.front().given.end && broken_.ok()) {
    const CUresult result = context_->api().EventQuery(queue.front().given.end->event());
    if (result == kErrorNotReady) return false;
    if (result != kSuccess) EndAfterError(queue.front().given, result);
  }
  InFlight ended = std::move(queue.front());
  queue.pop_front();
  CorrectExpectations(kind, ended.expected_end);
  Status status = ended.given.status;
  if (status.ok()) status = broken_;
  lock.unlock();
  const std::uint32_t id_lists = ended.given.id_lists;
  if (id_lists > 0) work_.GiveBackIds(kind, id_lists);
  if (status.ok()) status = CheckSlabs(ended.given.slabs);
  ended.given = {};
  ended.done(std::move(status));
  lock.lock();
  ++wakes_;  // there is room in the ring again
  return true;
}

// After an error that does not end the context the copy may still run: nobody may be told of its end
// before that.
void CopyThread::EndAfterError(const Given& given, CUresult result) {
  const DriverApi& api = context_->api();
  const bool waited =
      !IsSticky(result) && api.EventSynchronize(given.end->event()) == kSuccess;
  if (!waited) Break(ToStatus(api, "cuEventQuery", result));
}

// Nothing of this context runs any more: the driver has given up all of its work.
void CopyThread::Break(const Status& cause) {
  broken_ = Status(Code::kDevice, cause.message() + "; nothing is copied to or from this GPU by this "
                                                    "process any more");
}

// What ended sooner or later than expected moves what comes behind it: errors must not add up.
void CopyThread::CorrectExpectations(JobKind kind, Clock::time_point expected_end) {
  const Clock::duration late = Clock::now() - expected_end;
  link_free_[kind == JobKind::kStore ? 1 : 0] += late;
  for (const JobKind other : kKinds) {
    if ((other == JobKind::kStore) != (kind == JobKind::kStore)) continue;
    for (InFlight& piece : in_flight_[Index(other)]) piece.expected_end += late;
  }
}

CopyThread::Clock::duration CopyThread::PauseUntilNextLook() const {
  const Clock::time_point now = Clock::now();
  Clock::duration shortest = kSleepLongest;
  for (const std::deque<InFlight>& queue : in_flight_) {
    if (queue.empty()) continue;
    const Clock::duration left = queue.front().expected_end - now;
    // The later it is, the seldomer a look: it waits for computation, not for the link.
    const Clock::duration pause = left.count() > 0 ? left / 2 : -left / 4;
    shortest = std::min(shortest, std::max<Clock::duration>(pause, kLookEvery));
  }
  return shortest;
}

}  // namespace pega::cuda
