// Move-only owners of what the driver gives out: context, stream, event, device and host memory.
//
// Each destroys what it owns in the context it was made in, whichever is current then, and never
// fails: after a sticky error the driver frees everything with the context. Used within native/cuda
// and native/gauge. Thread safety: one owner, one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "base/status.h"
#include "cuda/driver/driver_api.h"

namespace pega::cuda {

// A GPU's primary context, retained: the one torch computes in. Shared by all that stands on it.
class Context {
 public:
  // kInvalidArgument: no such GPU. Leaves the calling thread's current context as it was.
  static Result<std::shared_ptr<const Context>> RetainPrimary(const DriverApi& api, int ordinal);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const DriverApi& api() const { return api_; }
  CUcontext handle() const { return handle_; }
  CUdevice device() const { return device_; }
  int ordinal() const { return ordinal_; }

 private:
  Context(const DriverApi& api, int ordinal, CUdevice device, CUcontext handle)
      : api_(api), ordinal_(ordinal), device_(device), handle_(handle) {}
  const DriverApi& api_;
  const int ordinal_;
  const CUdevice device_;
  const CUcontext handle_;
};
using ContextPtr = std::shared_ptr<const Context>;

// Makes a context current on this thread and puts the former one back. Also takes the thread out of
// global capture's reach for that time (cuThreadExchangeStreamCaptureMode(RELAXED), PROTOCOL §6):
// what pega does beside a capture in another thread neither fails nor spoils it.
class ScopedContext {
 public:
  explicit ScopedContext(const Context& context);
  ~ScopedContext();
  ScopedContext(const ScopedContext&) = delete;
  ScopedContext& operator=(const ScopedContext&) = delete;

  const Status& status() const { return status_; }

 private:
  static constexpr int kModeUnknown = -1;
  const DriverApi& api_;
  CUcontext former_ = nullptr;
  bool changed_ = false;
  int former_capture_mode_ = kModeUnknown;
  Status status_;
};

// Owner<Handle> is empty after a move. `destroy` is called with the owner's context current.
template <typename Handle>
class Owner {
 public:
  using Destroy = void (*)(const DriverApi&, Handle);
  Owner() = default;
  Owner(ContextPtr context, Handle handle, Destroy destroy)
      : context_(std::move(context)), handle_(handle), destroy_(destroy) {}
  Owner(Owner&& other) noexcept
      : context_(std::move(other.context_)),
        handle_(std::exchange(other.handle_, Handle{})),
        destroy_(other.destroy_) {}
  Owner& operator=(Owner&& other) noexcept {
    if (this != &other) {
      Reset();
      context_ = std::move(other.context_);
      handle_ = std::exchange(other.handle_, Handle{});
      destroy_ = other.destroy_;
    }
    return *this;
  }
  ~Owner() { Reset(); }

  Handle get() const { return handle_; }
  explicit operator bool() const { return handle_ != Handle{}; }
  void Reset() {
    if (handle_ == Handle{}) return;
    const ScopedContext current(*context_);
    destroy_(context_->api(), std::exchange(handle_, Handle{}));
    context_.reset();
  }

 private:
  ContextPtr context_;
  Handle handle_{};
  Destroy destroy_ = nullptr;
};

using Stream = Owner<CUstream>;
using Event = Owner<CUevent>;
using DeviceMemory = Owner<CUdeviceptr>;
using HostMemory = Owner<void*>;  // cuMemHostAlloc, portable and mapped: kernels may read it
using Module = Owner<CUmodule>;
using RegisteredMemory = Owner<void*>;  // cuMemHostRegister, portable; the mapping stays its maker's

// REQUIRES for all: the context is current on this thread (ScopedContext).
// Errors: kDevice; kNoSpace where memory is missing. Streams don't wait for stream 0.
Result<Stream> MakeStream(const ContextPtr& context, bool high_priority);
Result<Event> MakeEvent(const ContextPtr& context);        // without timing
Result<Event> MakeTimingEvent(const ContextPtr& context);  // for measurements only
Result<DeviceMemory> AllocateDevice(const ContextPtr& context, std::uint64_t bytes);
Result<HostMemory> AllocateHost(const ContextPtr& context, std::uint64_t bytes);
Result<RegisteredMemory> RegisterHost(const ContextPtr& context, void* address,
                                      std::uint64_t bytes);
// PTX text, zero-terminated. An error names the driver's version and the PTX's.
Result<Module> LoadModule(const ContextPtr& context, const char* ptx);
Result<CUfunction> FindFunction(const Context& context, const Module& module, const char* name);

}  // namespace pega::cuda
