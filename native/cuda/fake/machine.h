// Machine: all that the fake driver knows, made anew by fake_cuda_reset: GPUs, what handles name,
// faults, misuse, captures. Driver: the process's one, its mutex, what the executor goes by.
//
// Handles are numbers that are never given out twice, so one that was freed, or is of another kind,
// is always noticed. Everything but Driver::mutex itself is guarded by that mutex.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "cuda/fake/device_memory.h"
#include "cuda/fake/faults.h"
#include "cuda/fake/host_memory.h"
#include "cuda/fake/misuse.h"
#include "cuda/fake/operation.h"
#include "cuda/fake/race_check.h"
#include "cuda/fake/settings.h"

namespace pega::cuda::fake {

struct Module {
  std::uint64_t context = 0;
  std::set<std::string> entries;
};

struct Function {
  std::uint64_t module = 0;
  std::string name;
};

struct Capture {
  std::thread::id thread;
  int mode = kCaptureGlobal;
  bool invalidated = false;
};

struct Machine {
  explicit Machine(const Settings& chosen);

  // Gives a stream an operation, behind what it has, what `after` names, and the rules of stream 0.
  OperationPtr Enqueue(Stream& stream, const char* call, std::unique_ptr<Work> work, ByteSet reads,
                       ByteSet writes, std::vector<OperationPtr> after);
  // The operation is the first of its stream and has run, or never will.
  void End(Stream& stream);
  void KillContext(Context& context, CUresult result, const std::string& cause);
  // The host was told that all this had ended.
  void Observe(const Clock& clock);
  // Makes a stream of a context; stream 0 when `legacy`.
  StreamPtr MakeStream(std::uint64_t context, bool legacy, bool blocking, int priority);
  // Forgets a context with all that is in it.
  void DropContext(std::uint64_t context);
  void ForgetDrained();

  const Settings settings;
  Faults faults;
  Misuse misuse;
  RaceCheck races;
  std::vector<std::unique_ptr<DeviceMemory>> memory;  // of each GPU
  HostMemory host;
  std::map<std::uint64_t, Context> contexts;
  std::map<std::uint64_t, StreamPtr> streams;  // by handle; a context's stream 0 is in legacy
  std::map<std::uint64_t, StreamPtr> legacy;   // by context
  std::vector<StreamPtr> running;              // those above, and destroyed ones that have work
  std::map<std::uint64_t, Event> events;
  std::map<std::uint64_t, Module> modules;
  std::map<std::uint64_t, Function> functions;
  std::map<std::uint64_t, Capture> captures;
  std::uint64_t enqueued = 0;
  bool hold_all = false;
  std::mt19937_64 random;
  std::vector<std::string> history;

 private:
  void PruneRaces();
};

class Driver {
 public:
  static Driver& Get();
  static std::uint64_t NextHandle();

  std::mutex mutex;
  std::condition_variable changed;  // work was given or has ended, a gate was opened
  std::unique_ptr<Machine> machine;
  bool initialised = false;
  bool executing = false;            // an operation moves bytes, outside the mutex
  int idle_waiters = 0;              // the executor gives way to them
  std::atomic<bool> forked = false;  // a child: its executor is not there

  // Until no operation moves bytes, so that memory may go away as long as the mutex is held.
  void AwaitIdle(std::unique_lock<std::mutex>& lock);

 private:
  Driver();
};

}  // namespace pega::cuda::fake
