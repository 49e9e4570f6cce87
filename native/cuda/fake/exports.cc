// The symbols of libcuda.so.1: exactly those of driver_api.h. Each is an indirect function, so that
// dlsym does not find those that settings call missing. Here too: what all calls have in common.
#include <algorithm>
#include <cstring>

#include "cuda/fake/call.h"
#include "cuda/fake/captures.h"

namespace pega::cuda::fake {
namespace {

thread_local Call* current_call = nullptr;

bool IsAmong(const char* symbol, std::initializer_list<const char*> symbols) {
  for (const char* const other : symbols) {
    if (std::strcmp(symbol, other) == 0) return true;
  }
  return false;
}

bool WorksWithoutInit(const char* symbol) {
  return IsAmong(symbol, {"cuInit", "cuDriverGetVersion", "cuGetErrorName", "cuGetErrorString"});
}

bool WorksWithoutContext(const char* symbol) {
  return WorksWithoutInit(symbol) || std::strncmp(symbol, "cuDevice", 8) == 0 ||
         IsAmong(symbol, {"cuCtxGetCurrent", "cuCtxSetCurrent", "cuThreadExchangeStreamCaptureMode",
                          "cuPointerGetAttribute"});
}

bool IsUnsafeInCapture(const char* symbol) {
  return IsAmong(
      symbol, {"cuMemAlloc_v2", "cuMemFree_v2", "cuMemHostAlloc", "cuMemFreeHost",
               "cuMemHostRegister_v2", "cuMemHostUnregister", "cuEventQuery", "cuEventSynchronize",
               "cuStreamSynchronize", "cuModuleLoadData", "cuModuleUnload"});
}

// These give back what they name in a context that has ended as well.
bool GivesBack(const char* symbol) {
  return IsAmong(symbol, {"cuStreamDestroy_v2", "cuEventDestroy_v2", "cuMemFree_v2",
                          "cuMemFreeHost", "cuMemHostUnregister", "cuModuleUnload"});
}

// What a call returns before it does anything; kSuccess: it may go on.
CUresult Admit(Call& call) {
  const CUresult injected = call.machine().faults.OnCall(call.symbol);
  if (injected != kSuccess) {
    const bool sticky = std::find(std::begin(kStickyResults), std::end(kStickyResults), injected) !=
                        std::end(kStickyResults);
    if (sticky && call.context != nullptr) {
      call.machine().KillContext(*call.context, injected, call.symbol);
    }
    return injected;
  }
  if (WorksWithoutInit(call.symbol)) return kSuccess;
  if (!call.driver.initialised) return kErrorNotInitialized;
  if (WorksWithoutContext(call.symbol)) return kSuccess;
  if (call.context == nullptr) return call.Misuse(kErrorInvalidContext, "no context is current");
  if (call.context->dead != kSuccess && !GivesBack(call.symbol)) return call.context->dead;
  return IsUnsafeInCapture(call.symbol) ? RefuseUnsafe(call) : kSuccess;
}

template <typename Symbol, auto kCall>
struct Entry;
template <typename Symbol, typename... Arguments, CUresult (*kCall)(Arguments...)>
struct Entry<Symbol, kCall> {
  static CUresult Run(Arguments... arguments) {
    Driver& driver = Driver::Get();
    if (driver.forked) return kErrorNotInitialized;
    std::unique_lock lock(driver.mutex);
    Call call{driver, lock, Symbol::kName, FindContext(*driver.machine, CurrentContext())};
    current_call = &call;
    const CUresult result = Admit(call);
    return result == kSuccess ? kCall(arguments...) : result;
  }
};

bool IsMissing(const char* symbol) {
  Driver& driver = Driver::Get();
  const std::lock_guard lock(driver.mutex);
  const auto& missing = driver.machine->settings.missing;
  return std::find(missing.begin(), missing.end(), symbol) != missing.end();
}

}  // namespace

Call& Call::Current() { return *current_call; }

#define PEGA_FAKE_EXPORT(field, symbol, arguments)                                  \
  struct field##Symbol {                                                            \
    static constexpr char kName[] = symbol;                                         \
  };                                                                                \
  extern "C" decltype(DriverApi::field) pega_fake_find_##field() {                  \
    return IsMissing(symbol) ? nullptr : &Entry<field##Symbol, &calls::field>::Run; \
  }                                                                                 \
  extern "C"                                                                        \
      __attribute__((ifunc("pega_fake_find_" #field),                               \
                     visibility("default"))) CUresult pega_fake_##field arguments __asm__(symbol);
PEGA_CUDA_REQUIRED(PEGA_FAKE_EXPORT)
PEGA_CUDA_OPTIONAL(PEGA_FAKE_EXPORT)
#undef PEGA_FAKE_EXPORT

}  // namespace pega::cuda::fake
