// Devices, contexts, errors.
#include <cstdio>
#include <cstring>

#include "cuda/fake/call.h"
#include "cuda/fake/captures.h"
#include "cuda/fake/executor.h"

namespace pega::cuda::fake::calls {
namespace {

bool IsGpu(CUdevice device) {
  return device >= 0 && device < Call::Current().machine().settings.gpus;
}

Context* PrimaryOf(Machine& machine, CUdevice device) {
  for (auto& [handle, context] : machine.contexts) {
    if (context.device == device) return &context;
  }
  return nullptr;
}

CUresult CopyText(const std::string& text, char* into, int bytes) {
  if (into == nullptr || bytes <= 0) return kErrorInvalidValue;
  std::snprintf(into, static_cast<std::size_t>(bytes), "%s", text.c_str());
  return kSuccess;
}

}  // namespace

CUresult Init(unsigned flags) {
  Call& call = Call::Current();
  const Settings& settings = call.machine().settings;
  if (flags != 0) return kErrorInvalidValue;
  if (settings.init != kSuccess) return settings.init;
  if (settings.gpus == 0) return kErrorNoDevice;
  static bool started = false;
  if (!started) StartExecutor();
  started = true;
  call.driver.initialised = true;
  return kSuccess;
}

CUresult DriverGetVersion(int* version) {
  *version = Call::Current().machine().settings.version;
  return kSuccess;
}

CUresult DeviceGetCount(int* count) {
  *count = Call::Current().machine().settings.gpus;
  return kSuccess;
}

CUresult DeviceGet(CUdevice* device, int ordinal) {
  if (!IsGpu(ordinal)) return kErrorInvalidDevice;
  *device = ordinal;
  return kSuccess;
}

CUresult DeviceGetName(char* name, int bytes, CUdevice device) {
  if (!IsGpu(device)) return kErrorInvalidDevice;
  return CopyText(Call::Current().machine().settings.name, name, bytes);
}

CUresult DeviceGetAttribute(int* value, int attribute, CUdevice device) {
  if (!IsGpu(device)) return kErrorInvalidDevice;
  const Settings& settings = Call::Current().machine().settings;
  switch (attribute) {
    case kAttributeMultiprocessorCount: *value = settings.multiprocessors; return kSuccess;
    case kAttributeComputeCapabilityMajor: *value = settings.capability / 10; return kSuccess;
    case kAttributeHostPointersOfRegisteredMemory: *value = 1; return kSuccess;
    case kAttributeComputeCapabilityMinor: *value = settings.capability % 10; return kSuccess;
    default: return kErrorInvalidValue;
  }
}

CUresult DeviceTotalMem(std::size_t* bytes, CUdevice device) {
  if (!IsGpu(device)) return kErrorInvalidDevice;
  *bytes = Call::Current().machine().settings.memory_bytes;
  return kSuccess;
}

CUresult DeviceGetPCIBusId(char* id, int bytes, CUdevice device) {
  if (!IsGpu(device)) return kErrorInvalidDevice;
  char text[16];
  std::snprintf(text, sizeof text, "0000:%02x:00.0", static_cast<unsigned>(device + 1) & 0xff);
  return CopyText(text, id, bytes);
}

CUresult DeviceGetUuid(CUuuid* uuid, CUdevice device) {
  if (!IsGpu(device)) return kErrorInvalidDevice;
  std::memcpy(uuid->bytes, "pega fake GPU \0\0", sizeof uuid->bytes);
  uuid->bytes[15] = static_cast<unsigned char>(device);
  return kSuccess;
}

CUresult DevicePrimaryCtxRetain(CUcontext* handle, CUdevice device) {
  if (!IsGpu(device)) return kErrorInvalidDevice;
  Machine& machine = Call::Current().machine();
  Context* context = PrimaryOf(machine, device);
  if (context == nullptr) {
    const std::uint64_t id = Driver::NextHandle();
    context = &machine.contexts[id];
    context->id = id;
    context->device = device;
    machine.MakeStream(id, /*is_legacy=*/true, /*blocking=*/false, 0);
  }
  ++context->retained;
  *handle = reinterpret_cast<CUcontext>(context->id);
  return kSuccess;
}

CUresult DevicePrimaryCtxRelease(CUdevice device) {
  if (!IsGpu(device)) return kErrorInvalidDevice;
  Call& call = Call::Current();
  call.driver.AwaitIdle(call.lock);
  Context* const context = PrimaryOf(call.machine(), device);
  if (context == nullptr) return call.Misuse(kErrorInvalidContext, "the context is not retained");
  if (--context->retained > 0) return kSuccess;
  const std::uint64_t id = context->id;
  call.machine().DropContext(id);
  if (CurrentContext() == id) CurrentContext() = 0;
  return kSuccess;
}

CUresult CtxGetCurrent(CUcontext* handle) {
  // One that was released is nobody's any more.
  if (FindContext(Call::Current().machine(), CurrentContext()) == nullptr) CurrentContext() = 0;
  *handle = reinterpret_cast<CUcontext>(CurrentContext());
  return kSuccess;
}

CUresult CtxSetCurrent(CUcontext handle) {
  Call& call = Call::Current();
  const std::uint64_t number = NumberOf(handle);
  if (number != 0 && FindContext(call.machine(), number) == nullptr) {
    return call.Misuse(kErrorInvalidContext, "context " + Hex(number) + " is not live");
  }
  CurrentContext() = number;
  return kSuccess;
}

CUresult CtxGetDevice(CUdevice* device) {
  *device = Call::Current().context->device;
  return kSuccess;
}

CUresult CtxGetStreamPriorityRange(int* lowest, int* highest) {
  *lowest = 0;
  *highest = -5;
  return kSuccess;
}

CUresult ThreadExchangeStreamCaptureMode(int* mode) {
  if (*mode < kCaptureGlobal || *mode > kCaptureRelaxed) return kErrorInvalidValue;
  std::swap(*mode, ThreadCaptureMode());
  return kSuccess;
}

}  // namespace pega::cuda::fake::calls
