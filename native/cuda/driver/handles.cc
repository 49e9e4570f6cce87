#include "cuda/driver/handles.h"

#include <cstring>
#include <string>

namespace pega::cuda {
namespace {

// Running out of memory has a code of its own: callers then ask for less.
Status MemoryStatus(const DriverApi& api, const char* call, std::uint64_t bytes, CUresult result) {
  const Status status = ToStatus(api, call, result);
  if (status.ok()) return status;
  return Status(result == kErrorOutOfMemory ? Code::kNoSpace : Code::kDevice,
                status.message() + " (" + std::to_string(bytes) + " bytes)");
}

Result<Event> MakeEventWith(const ContextPtr& context, unsigned flags) {
  CUevent event = nullptr;
  PEGA_RETURN_IF_ERROR(
      ToStatus(context->api(), "cuEventCreate", context->api().EventCreate(&event, flags)));
  return Event(context, event,
               [](const DriverApi& api, CUevent handle) { (void)api.EventDestroy(handle); });
}

// The word after a directive of PTX text, such as ".version 8.0".
std::string PtxWord(const char* ptx, const char* directive) {
  const char* at = std::strstr(ptx, directive);
  if (at == nullptr) return "?";
  at += std::strlen(directive);
  at += std::strspn(at, " \t");
  return std::string(at, std::strcspn(at, " \t\r\n,"));
}

}  // namespace

Result<std::shared_ptr<const Context>> Context::RetainPrimary(const DriverApi& api, int ordinal) {
  int count = 0;
  PEGA_RETURN_IF_ERROR(ToStatus(api, "cuDeviceGetCount", api.DeviceGetCount(&count)));
  if (ordinal < 0 || ordinal >= count) {
    return Status(Code::kInvalidArgument, "no GPU " + std::to_string(ordinal) +
                                              ": the driver shows this process " +
                                              std::to_string(count));
  }
  CUdevice device = 0;
  PEGA_RETURN_IF_ERROR(ToStatus(api, "cuDeviceGet", api.DeviceGet(&device, ordinal)));
  CUcontext handle = nullptr;
  PEGA_RETURN_IF_ERROR(
      ToStatus(api, "cuDevicePrimaryCtxRetain", api.DevicePrimaryCtxRetain(&handle, device)));
  return std::shared_ptr<const Context>(new Context(api, ordinal, device, handle));
}

Context::~Context() { (void)api_.DevicePrimaryCtxRelease(device_); }

ScopedContext::ScopedContext(const Context& context) : api_(context.api()) {
  int mode = kCaptureRelaxed;
  status_ = ToStatus(api_, "cuThreadExchangeStreamCaptureMode",
                     api_.ThreadExchangeStreamCaptureMode(&mode));
  if (!status_.ok()) return;
  former_capture_mode_ = mode;
  status_ = ToStatus(api_, "cuCtxGetCurrent", api_.CtxGetCurrent(&former_));
  if (!status_.ok() || former_ == context.handle()) return;
  status_ = ToStatus(api_, "cuCtxSetCurrent", api_.CtxSetCurrent(context.handle()));
  changed_ = status_.ok();
}

ScopedContext::~ScopedContext() {
  if (changed_) (void)api_.CtxSetCurrent(former_);
  if (former_capture_mode_ == kModeUnknown) return;
  int mode = former_capture_mode_;
  (void)api_.ThreadExchangeStreamCaptureMode(&mode);
}

Result<Stream> MakeStream(const ContextPtr& context, bool high_priority) {
  const DriverApi& api = context->api();
  int lowest = 0, highest = 0;
  PEGA_RETURN_IF_ERROR(ToStatus(api, "cuCtxGetStreamPriorityRange",
                                api.CtxGetStreamPriorityRange(&lowest, &highest)));
  CUstream stream = nullptr;
  PEGA_RETURN_IF_ERROR(ToStatus(
      api, "cuStreamCreateWithPriority",
      api.StreamCreateWithPriority(&stream, kStreamNonBlocking, high_priority ? highest : lowest)));
  return Stream(context, stream,
                [](const DriverApi& of, CUstream handle) { (void)of.StreamDestroy(handle); });
}

Result<Event> MakeEvent(const ContextPtr& context) {
  return MakeEventWith(context, kEventDisableTiming);
}

Result<Event> MakeTimingEvent(const ContextPtr& context) { return MakeEventWith(context, 0); }

Result<DeviceMemory> AllocateDevice(const ContextPtr& context, std::uint64_t bytes) {
  CUdeviceptr address = 0;
  PEGA_RETURN_IF_ERROR(
      MemoryStatus(context->api(), "cuMemAlloc", bytes, context->api().MemAlloc(&address, bytes)));
  return DeviceMemory(context, address,
                      [](const DriverApi& api, CUdeviceptr handle) { (void)api.MemFree(handle); });
}

Result<HostMemory> AllocateHost(const ContextPtr& context, std::uint64_t bytes) {
  void* address = nullptr;
  PEGA_RETURN_IF_ERROR(MemoryStatus(
      context->api(), "cuMemHostAlloc", bytes,
      context->api().MemHostAlloc(&address, bytes, kHostAllocPortable | kHostAllocDeviceMap)));
  return HostMemory(context, address,
                    [](const DriverApi& api, void* handle) { (void)api.MemFreeHost(handle); });
}

Result<RegisteredMemory> RegisterHost(const ContextPtr& context, void* address,
                                      std::uint64_t bytes) {
  PEGA_RETURN_IF_ERROR(
      MemoryStatus(context->api(), "cuMemHostRegister", bytes,
                   context->api().MemHostRegister(address, bytes, kHostRegisterPortable)));
  return RegisteredMemory(context, address, [](const DriverApi& api, void* handle) {
    (void)api.MemHostUnregister(handle);
  });
}

Result<Module> LoadModule(const ContextPtr& context, const char* ptx) {
  const DriverApi& api = context->api();
  CUmodule module = nullptr;
  const Status loaded = ToStatus(api, "cuModuleLoadData", api.ModuleLoadData(&module, ptx));
  if (!loaded.ok()) {
    return Status(loaded.code(), loaded.message() + " (the driver is of CUDA " +
                                     std::to_string(api.version / 1000) + "." +
                                     std::to_string(api.version % 1000 / 10) +
                                     ", the kernels are PTX " + PtxWord(ptx, ".version") + " for " +
                                     PtxWord(ptx, ".target") + ")");
  }
  return Module(context, module,
                [](const DriverApi& of, CUmodule handle) { (void)of.ModuleUnload(handle); });
}

Result<CUfunction> FindFunction(const Context& context, const Module& module, const char* name) {
  CUfunction function = nullptr;
  const CUresult result = context.api().ModuleGetFunction(&function, module.get(), name);
  if (result == kSuccess) return function;
  return Status(Code::kDevice, ToStatus(context.api(), "cuModuleGetFunction", result).message() +
                                   " (" + name + ")");
}

}  // namespace pega::cuda
