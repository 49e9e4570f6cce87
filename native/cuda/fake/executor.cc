#include "cuda/fake/executor.h"

#include <algorithm>
#include <thread>

#include "cuda/fake/machine.h"
#include "cuda/fake/untold_accesses.h"

namespace pega::cuda::fake {
namespace {

using Time = std::chrono::steady_clock::time_point;

// Longer ones measure time; tests of who touches what are short.
constexpr std::uint64_t kToldBytesMax = std::uint64_t{2} << 20;

bool MayBegin(const Machine& machine, const Stream& stream, const Operation& operation) {
  if ((stream.held || machine.hold_all) && stream.allowance == 0) return false;
  return std::all_of(
      operation.after.begin(), operation.after.end(),
      [](const OperationPtr& former) { return former->state == Operation::State::kDone; });
}

// A stream whose next step may run now, or null; then *wake is when one that was begun is due.
StreamPtr Pick(Machine& machine, Time* wake) {
  const Time now = std::chrono::steady_clock::now();
  std::vector<StreamPtr> ready;
  for (const StreamPtr& stream : machine.running) {
    if (stream->queue.empty()) continue;
    const Operation& next = *stream->queue.front();
    if (next.state == Operation::State::kBegun && next.due > now) {
      *wake = std::min(*wake, next.due);
    } else if (next.state == Operation::State::kBegun || MayBegin(machine, *stream, next)) {
      ready.push_back(stream);
    }
  }
  return ready.empty() ? nullptr : ready[machine.random() % ready.size()];
}

// What an operation finds wrong, or was told to, ends its context.
bool Prepare(Driver& driver, Operation& operation) {
  Machine& machine = *driver.machine;
  CUresult result = operation.outcome;
  if (result == kSuccess) result = operation.work->Prepare(driver, operation);
  if (result == kSuccess) return true;
  const auto context = machine.contexts.find(operation.context);
  if (context != machine.contexts.end()) {
    machine.KillContext(context->second, result, Describe(operation));
  }
  return false;
}

// Moves bytes without the mutex; nothing that they lie in goes away meanwhile (Driver::AwaitIdle).
void Outside(Driver& driver, std::unique_lock<std::mutex>& lock, Operation& operation,
             void (Work::*step)()) {
  const bool is_long = operation.writes.bytes() > kToldBytesMax;
  driver.executing = true;
  lock.unlock();
  {
    const UntoldAccesses untold(is_long);
    (*operation.work.*step)();
  }
  lock.lock();
  driver.executing = false;
  driver.changed.notify_all();
}

void Step(Driver& driver, std::unique_lock<std::mutex>& lock, const StreamPtr& stream) {
  const OperationPtr operation = stream->queue.front();
  const bool begins = operation->state == Operation::State::kQueued;
  if (begins && stream->allowance > 0) --stream->allowance;
  if (operation->work == nullptr) {
    driver.machine->End(*stream);
    return;
  }
  if (!Prepare(driver, *operation)) return;
  Outside(driver, lock, *operation, begins ? &Work::Garble : &Work::Move);
  if (operation->state == Operation::State::kDone) return;  // its context ended meanwhile
  if (begins) {
    operation->state = Operation::State::kBegun;
    operation->due =
        std::chrono::steady_clock::now() + std::chrono::microseconds(operation->delay_us);
  } else {
    driver.machine->End(*stream);
  }
}

void Run() {
  Driver& driver = Driver::Get();
  std::unique_lock lock(driver.mutex);
  for (;;) {
    driver.changed.wait(lock, [&driver] { return driver.idle_waiters == 0; });
    driver.machine->ForgetDrained();
    Time wake = Time::max();
    const StreamPtr stream = Pick(*driver.machine, &wake);
    if (stream != nullptr) {
      Step(driver, lock, stream);
    } else if (wake == Time::max()) {
      driver.changed.wait(lock);
    } else {
      driver.changed.wait_until(lock, wake);
    }
  }
}

}  // namespace

void StartExecutor() { std::thread(Run).detach(); }

}  // namespace pega::cuda::fake
