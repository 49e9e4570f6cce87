#include "cuda/fake/machine.h"

#include <pthread.h>

#include <algorithm>
#include <cstdlib>

namespace pega::cuda::fake {
namespace {

constexpr std::size_t kHistoryMax = 100000;

}  // namespace

Machine::Machine(const Settings& chosen)
    : settings(chosen), faults(chosen), misuse(chosen), races(misuse), random(chosen.seed) {
  for (int gpu = 0; gpu < settings.gpus; ++gpu) {
    memory.push_back(std::make_unique<DeviceMemory>(settings.memory_bytes));
  }
}

StreamPtr Machine::MakeStream(std::uint64_t context, bool is_legacy, bool blocking, int priority) {
  auto stream = std::make_shared<Stream>();
  stream->id = Driver::NextHandle();
  stream->context = context;
  stream->legacy = is_legacy;
  stream->blocking = blocking;
  stream->priority = priority;
  running.push_back(stream);
  if (is_legacy) {
    legacy[context] = stream;
  } else {
    streams[stream->id] = stream;
  }
  return stream;
}

OperationPtr Machine::Enqueue(Stream& stream, const char* call, std::unique_ptr<Work> work,
                              ByteSet reads, ByteSet writes, std::vector<OperationPtr> after) {
  auto operation = std::make_shared<Operation>();
  if (stream.legacy) {
    for (const StreamPtr& other : running) {
      if (other->blocking && other->context == stream.context && other->tail != nullptr) {
        after.push_back(other->tail);
      }
    }
  } else if (stream.blocking && legacy[stream.context]->tail != nullptr) {
    after.push_back(legacy[stream.context]->tail);
  }
  operation->number = ++enqueued;
  operation->stream = stream.id;
  operation->stream_number = ++stream.length;
  operation->context = stream.context;
  operation->call = call;
  for (const OperationPtr& former : after) stream.clock.Join(former->clock);
  stream.clock.Advance(stream.id, operation->stream_number);
  operation->clock = stream.clock;
  operation->after = std::move(after);
  operation->reads = std::move(reads);
  operation->writes = std::move(writes);
  operation->work = std::move(work);
  operation->delay_us = faults.delay_us(call);
  operation->outcome = faults.OnEnqueue(call);
  if (operation->work != nullptr) races.Add(operation);
  stream.queue.push_back(operation);
  stream.tail = operation;
  Driver::Get().changed.notify_all();
  return operation;
}

void Machine::End(Stream& stream) {
  const OperationPtr operation = stream.queue.front();
  stream.queue.pop_front();
  operation->state = Operation::State::kDone;
  operation->ended = std::chrono::steady_clock::now();
  operation->after.clear();
  operation->work.reset();
  if (history.size() < kHistoryMax) history.push_back(Describe(*operation));
  PruneRaces();
  Driver::Get().changed.notify_all();
}

void Machine::KillContext(Context& context, CUresult result, const std::string& cause) {
  if (context.dead == kSuccess) {
    context.dead = result;
    context.cause = cause;
  }
  for (const StreamPtr& stream : running) {
    if (stream->context != context.id) continue;
    for (const OperationPtr& operation : stream->queue) {
      operation->state = Operation::State::kDone;
      operation->ended = std::chrono::steady_clock::now();
      operation->after.clear();
    }
    stream->queue.clear();
  }
  races.ForgetContext(context.id);
  Driver::Get().changed.notify_all();
}

void Machine::Observe(const Clock& clock) {
  races.Observe(clock, enqueued);
  PruneRaces();
}

void Machine::PruneRaces() {
  std::uint64_t oldest = Operation::kNever;
  for (const StreamPtr& stream : running) {
    if (!stream->queue.empty()) oldest = std::min(oldest, stream->queue.front()->number);
  }
  races.Prune(oldest);
}

void Machine::ForgetDrained() {
  std::erase_if(running,
                [](const StreamPtr& stream) { return stream->destroyed && stream->queue.empty(); });
}

void Machine::DropContext(std::uint64_t context) {
  const auto of_context = [context](const auto& entry) { return entry.second.context == context; };
  const auto found = contexts.find(context);
  KillContext(found->second, kErrorContextIsDestroyed, "its release");
  for (const StreamPtr& stream : running) {
    if (stream->context == context) stream->destroyed = true;
  }
  ForgetDrained();
  std::erase_if(streams, [context](const auto& e) { return e.second->context == context; });
  legacy.erase(context);
  std::erase_if(events, of_context);
  std::erase_if(modules, of_context);
  std::erase_if(functions, [this](const auto& e) { return !modules.contains(e.second.module); });
  host.FreeAllOf(context);
  memory[static_cast<std::size_t>(found->second.device)]->FreeAll();
  contexts.erase(found);
}

// Never destroyed: the executor and callers may be in it when the process ends.
Driver& Driver::Get() {
  static Driver& driver = *new Driver;
  return driver;
}

Driver::Driver() {
  const char* const text = std::getenv("PEGA_FAKE_CUDA");
  machine = std::make_unique<Machine>(Settings::Parse(text == nullptr ? "" : text));
  pthread_atfork([] { Get().mutex.lock(); }, [] { Get().mutex.unlock(); },
                 [] {
                   Get().forked = Get().initialised;
                   Get().mutex.unlock();
                 });
}

void Driver::AwaitIdle(std::unique_lock<std::mutex>& lock) {
  ++idle_waiters;
  changed.wait(lock, [this] { return !executing; });
  --idle_waiters;
  changed.notify_all();
}

std::uint64_t Driver::NextHandle() {
  static std::atomic<std::uint64_t> next = 0x1000;  // above CUDA's special stream handles
  return next++;
}

}  // namespace pega::cuda::fake
