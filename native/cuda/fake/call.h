// Call: one call into the fake driver: the mutex held, counted, faults and the context's state
// looked at (exports.cc). What the calls_*.cc share: handles found, or misuse noted.
#pragma once

#include <mutex>
#include <string>

#include "cuda/driver/driver_api.h"
#include "cuda/fake/machine.h"

namespace pega::cuda::fake {

struct Call {
  Driver& driver;
  std::unique_lock<std::mutex>& lock;
  const char* symbol;
  Context* context;  // current on this thread; null: none

  // Of this thread; REQUIRES: within a call.
  static Call& Current();

  Machine& machine() const { return *driver.machine; }
  // Notes a misuse by this call; returns `result`.
  CUresult Misuse(CUresult result, const std::string& sentence);
};

// Each is null, with misuse noted, where the handle names nothing live, or *result says otherwise.
// A stream must be of the current context.
Stream* FindStream(Call& call, CUstream handle, CUresult* result);
Event* FindEvent(Call& call, CUevent handle, CUresult* result);

// The bytes go away: notes an operation that may still use them.
void Condemn(Call& call, const char* what, std::uint64_t address, std::uint64_t bytes);

// Leaves a call with a result other than kSuccess.
#define PEGA_FAKE_RETURN_IF(expression)                          \
  do {                                                           \
    const CUresult pega_fake_result_ = (expression);             \
    if (pega_fake_result_ != kSuccess) return pega_fake_result_; \
  } while (false)

// The context that is current on this thread: a handle, 0 for none.
std::uint64_t& CurrentContext();
Context* FindContext(Machine& machine, std::uint64_t handle);

template <typename Handle>
std::uint64_t NumberOf(Handle handle) {
  return reinterpret_cast<std::uint64_t>(handle);
}

// CUDA's calls, by the names of DriverApi's fields; Call::Current() is theirs.
namespace calls {
#define PEGA_FAKE_CALL(field, symbol, arguments) CUresult field arguments;
PEGA_CUDA_REQUIRED(PEGA_FAKE_CALL)
PEGA_CUDA_OPTIONAL(PEGA_FAKE_CALL)
#undef PEGA_FAKE_CALL
}  // namespace calls

}  // namespace pega::cuda::fake
