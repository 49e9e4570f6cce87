// fake_cuda_*: what tests reach by dlsym.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "cuda/fake/call.h"
#include "cuda/fake/captures.h"
#include "cuda/fake/fake_cuda.h"

#define PEGA_FAKE_CONTROL extern "C" __attribute__((visibility("default")))

namespace pega::cuda::fake {
namespace {

// Writes lines as a zero-terminated text; how many lines there are.
std::size_t WriteLines(const std::vector<std::string>& lines, char* text, std::size_t bytes) {
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  if (text != nullptr && bytes > 0) {
    const std::size_t length = std::min(all.size(), bytes - 1);
    std::memcpy(text, all.data(), length);
    text[length] = '\0';
  }
  return lines.size();
}

std::vector<std::string> OpenLines(const Machine& machine) {
  std::vector<std::string> lines;
  for (const auto& [id, context] : machine.contexts) {
    lines.push_back("context of GPU " + std::to_string(context.device) + " retained " +
                    std::to_string(context.retained) + " times");
  }
  for (const auto& [id, stream] : machine.streams) lines.push_back("stream " + std::to_string(id));
  for (const auto& [id, event] : machine.events) lines.push_back("event " + std::to_string(id));
  for (const auto& [id, module] : machine.modules) lines.push_back("module " + std::to_string(id));
  for (std::size_t gpu = 0; gpu < machine.memory.size(); ++gpu) {
    for (const auto& [address, range] : machine.memory[gpu]->allocations()) {
      lines.push_back(std::to_string(range.bytes) + " bytes of GPU " + std::to_string(gpu) +
                      " at " + Hex(address));
    }
  }
  for (const auto& [address, pinned] : machine.host.pinned()) {
    lines.push_back(std::to_string(pinned.bytes) + " host bytes " +
                    (pinned.allocated ? "allocated" : "registered") + " at " + Hex(address));
  }
  return lines;
}

std::vector<std::string> PendingLines(const Machine& machine) {
  std::vector<OperationPtr> operations;
  for (const StreamPtr& stream : machine.running) {
    operations.insert(operations.end(), stream->queue.begin(), stream->queue.end());
  }
  std::sort(operations.begin(), operations.end(),
            [](const OperationPtr& a, const OperationPtr& b) { return a->number < b->number; });
  std::vector<std::string> lines;
  for (const OperationPtr& operation : operations) {
    const bool begun = operation->state == Operation::State::kBegun;
    lines.push_back(Describe(*operation) + (begun ? ", begun" : ""));
  }
  return lines;
}

// Calls `change` with the stream that a handle names, whatever context is current.
template <typename Change>
void ChangeStream(CUstream handle, Change change) {
  Driver& driver = Driver::Get();
  const std::lock_guard lock(driver.mutex);
  for (const StreamPtr& stream : driver.machine->running) {
    if (stream->id == NumberOf(handle)) change(*stream);
  }
  driver.changed.notify_all();
}

Call MakeCall(Driver& driver, std::unique_lock<std::mutex>& lock, const char* symbol) {
  return {driver, lock, symbol, FindContext(*driver.machine, CurrentContext())};
}

}  // namespace
}  // namespace pega::cuda::fake

using namespace pega::cuda::fake;  // NOLINT: the functions below are C's
using pega::cuda::CUdeviceptr;
using pega::cuda::CUresult;
using pega::cuda::CUstream;

PEGA_FAKE_CONTROL void fake_cuda_reset(const char* settings) {
  Driver& driver = Driver::Get();
  std::unique_lock lock(driver.mutex);
  driver.AwaitIdle(lock);
  if (settings == nullptr) settings = std::getenv("PEGA_FAKE_CUDA");
  driver.machine = std::make_unique<Machine>(Settings::Parse(settings == nullptr ? "" : settings));
  driver.changed.notify_all();
}

PEGA_FAKE_CONTROL void fake_cuda_fail(const char* function, unsigned n, CUresult result,
                                      unsigned times) {
  const std::lock_guard lock(Driver::Get().mutex);
  Driver::Get().machine->faults.FailCall(function, n, result, times);
}

PEGA_FAKE_CONTROL void fake_cuda_fail_execution(const char* function, unsigned n, CUresult result) {
  const std::lock_guard lock(Driver::Get().mutex);
  Driver::Get().machine->faults.FailExecution(function, n, result);
}

PEGA_FAKE_CONTROL void fake_cuda_forget_faults() {
  const std::lock_guard lock(Driver::Get().mutex);
  Driver::Get().machine->faults.Forget();
}

PEGA_FAKE_CONTROL void fake_cuda_delay(const char* function, unsigned microseconds) {
  const std::lock_guard lock(Driver::Get().mutex);
  Driver::Get().machine->faults.Delay(function, microseconds);
}

PEGA_FAKE_CONTROL void fake_cuda_hold(CUstream stream) {
  ChangeStream(stream, [](Stream& of) { of.held = true; });
}

PEGA_FAKE_CONTROL void fake_cuda_allow(CUstream stream, unsigned n) {
  ChangeStream(stream, [n](Stream& of) { of.allowance += n; });
}

PEGA_FAKE_CONTROL void fake_cuda_release(CUstream stream) {
  ChangeStream(stream, [](Stream& of) {
    of.held = false;
    of.allowance = 0;
  });
}

PEGA_FAKE_CONTROL void fake_cuda_hold_all() {
  const std::lock_guard lock(Driver::Get().mutex);
  Driver::Get().machine->hold_all = true;
}

PEGA_FAKE_CONTROL void fake_cuda_release_all() {
  Driver& driver = Driver::Get();
  const std::lock_guard lock(driver.mutex);
  driver.machine->hold_all = false;
  for (const StreamPtr& stream : driver.machine->running) {
    stream->held = false;
    stream->allowance = 0;
  }
  driver.changed.notify_all();
}

PEGA_FAKE_CONTROL unsigned long long fake_cuda_calls(const char* function) {
  const std::lock_guard lock(Driver::Get().mutex);
  return Driver::Get().machine->faults.calls(function);
}

PEGA_FAKE_CONTROL std::size_t fake_cuda_misuse(char* text, std::size_t bytes) {
  const std::lock_guard lock(Driver::Get().mutex);
  return WriteLines(Driver::Get().machine->misuse.found(), text, bytes);
}

PEGA_FAKE_CONTROL std::size_t fake_cuda_open(char* text, std::size_t bytes) {
  const std::lock_guard lock(Driver::Get().mutex);
  return WriteLines(OpenLines(*Driver::Get().machine), text, bytes);
}

PEGA_FAKE_CONTROL std::size_t fake_cuda_pending(char* text, std::size_t bytes) {
  const std::lock_guard lock(Driver::Get().mutex);
  return WriteLines(PendingLines(*Driver::Get().machine), text, bytes);
}

PEGA_FAKE_CONTROL std::size_t fake_cuda_history(char* text, std::size_t bytes) {
  const std::lock_guard lock(Driver::Get().mutex);
  return WriteLines(Driver::Get().machine->history, text, bytes);
}

PEGA_FAKE_CONTROL void fake_cuda_forget_misuse() {
  const std::lock_guard lock(Driver::Get().mutex);
  Driver::Get().machine->misuse.Forget();
}

PEGA_FAKE_CONTROL std::size_t fake_cuda_streams(CUstream* streams, std::size_t max) {
  const std::lock_guard lock(Driver::Get().mutex);
  std::size_t count = 0;
  for (const auto& [id, stream] : Driver::Get().machine->streams) {
    if (count < max) streams[count] = reinterpret_cast<CUstream>(id);
    ++count;
  }
  return count;
}

PEGA_FAKE_CONTROL CUresult fake_cuda_begin_capture(CUstream stream, int mode) {
  std::unique_lock lock(Driver::Get().mutex);
  Call call = MakeCall(Driver::Get(), lock, "cuStreamBeginCapture");
  if (call.context == nullptr) return pega::cuda::kErrorInvalidContext;
  return BeginCapture(call, stream, mode);
}

PEGA_FAKE_CONTROL CUresult fake_cuda_end_capture(CUstream stream) {
  std::unique_lock lock(Driver::Get().mutex);
  Call call = MakeCall(Driver::Get(), lock, "cuStreamEndCapture");
  if (call.context == nullptr) return pega::cuda::kErrorInvalidContext;
  return EndCapture(call, stream);
}

PEGA_FAKE_CONTROL void* fake_cuda_bytes(CUdeviceptr address) {
  const std::lock_guard lock(Driver::Get().mutex);
  for (const auto& memory : Driver::Get().machine->memory) {
    if (memory->Find(address) != nullptr) return memory->Real(address);
  }
  return nullptr;
}
