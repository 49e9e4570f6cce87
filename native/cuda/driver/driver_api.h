// DriverApi: the CUDA driver as one table of function pointers, from dlopen("libcuda.so.1").
//
// The only place that knows the names of symbols. Every other file in native/cuda calls through the
// table, so the fake driver (cuda/fake) stands in for all of CUDA. The library stays loaded.
//
// Thread safety: immutable once loaded.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "cuda/driver/cuda_types.h"

namespace pega::cuda {

// X(field, symbol, result, arguments). A `required` one that is missing refuses the driver.
#define PEGA_CUDA_REQUIRED(X)                                                                      \
  X(Init, "cuInit", (unsigned))                                                                    \
  X(DriverGetVersion, "cuDriverGetVersion", (int*))                                                \
  X(GetErrorName, "cuGetErrorName", (CUresult, const char**))                                      \
  X(GetErrorString, "cuGetErrorString", (CUresult, const char**))                                  \
  X(DeviceGetCount, "cuDeviceGetCount", (int*))                                                    \
  X(DeviceGet, "cuDeviceGet", (CUdevice*, int))                                                    \
  X(DeviceGetName, "cuDeviceGetName", (char*, int, CUdevice))                                      \
  X(DeviceGetAttribute, "cuDeviceGetAttribute", (int*, int, CUdevice))                             \
  X(DeviceTotalMem, "cuDeviceTotalMem_v2", (std::size_t*, CUdevice))                               \
  X(DeviceGetPCIBusId, "cuDeviceGetPCIBusId", (char*, int, CUdevice))                              \
  X(DevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain", (CUcontext*, CUdevice))                    \
  X(DevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2", (CUdevice))                           \
  X(CtxGetCurrent, "cuCtxGetCurrent", (CUcontext*))                                                \
  X(CtxSetCurrent, "cuCtxSetCurrent", (CUcontext))                                                 \
  X(CtxGetDevice, "cuCtxGetDevice", (CUdevice*))                                                   \
  X(CtxGetStreamPriorityRange, "cuCtxGetStreamPriorityRange", (int*, int*))                        \
  X(ThreadExchangeStreamCaptureMode, "cuThreadExchangeStreamCaptureMode", (int*))                  \
  X(StreamCreateWithPriority, "cuStreamCreateWithPriority", (CUstream*, unsigned, int))            \
  X(StreamDestroy, "cuStreamDestroy_v2", (CUstream))                                               \
  X(StreamSynchronize, "cuStreamSynchronize", (CUstream))                                          \
  X(StreamWaitEvent, "cuStreamWaitEvent", (CUstream, CUevent, unsigned))                           \
  X(StreamIsCapturing, "cuStreamIsCapturing", (CUstream, int*))                                    \
  X(EventCreate, "cuEventCreate", (CUevent*, unsigned))                                            \
  X(EventDestroy, "cuEventDestroy_v2", (CUevent))                                                  \
  X(EventRecord, "cuEventRecord", (CUevent, CUstream))                                             \
  X(EventQuery, "cuEventQuery", (CUevent))                                                         \
  X(EventSynchronize, "cuEventSynchronize", (CUevent))                                             \
  X(EventElapsedTime, "cuEventElapsedTime", (float*, CUevent, CUevent))                            \
  X(MemAlloc, "cuMemAlloc_v2", (CUdeviceptr*, std::size_t))                                        \
  X(MemFree, "cuMemFree_v2", (CUdeviceptr))                                                        \
  X(MemGetInfo, "cuMemGetInfo_v2", (std::size_t*, std::size_t*))                                   \
  X(MemHostAlloc, "cuMemHostAlloc", (void**, std::size_t, unsigned))                               \
  X(MemFreeHost, "cuMemFreeHost", (void*))                                                         \
  X(MemHostRegister, "cuMemHostRegister_v2", (void*, std::size_t, unsigned))                       \
  X(MemHostUnregister, "cuMemHostUnregister", (void*))                                             \
  X(PointerGetAttribute, "cuPointerGetAttribute", (void*, int, CUdeviceptr))                       \
  X(MemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2", (CUdeviceptr, const void*, std::size_t, CUstream))    \
  X(MemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2", (void*, CUdeviceptr, std::size_t, CUstream))          \
  X(Memcpy2DAsync, "cuMemcpy2DAsync_v2", (const CudaMemcpy2D*, CUstream))                          \
  X(ModuleLoadData, "cuModuleLoadData", (CUmodule*, const void*))                                  \
  X(ModuleUnload, "cuModuleUnload", (CUmodule))                                                    \
  X(ModuleGetFunction, "cuModuleGetFunction", (CUfunction*, CUmodule, const char*))                \
  X(LaunchKernel, "cuLaunchKernel",                                                                \
    (CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream,   \
     void**, void**))

// Null where the driver has none; who uses one says what is done without it.
#define PEGA_CUDA_OPTIONAL(X)                                                                      \
  X(DeviceGetUuid, "cuDeviceGetUuid_v2", (CUuuid*, CUdevice))                                      \
  X(MemsetD8Async, "cuMemsetD8Async", (CUdeviceptr, unsigned char, std::size_t, CUstream))

struct DriverApi {
#define PEGA_CUDA_FIELD(field, symbol, arguments) CUresult(*field) arguments = nullptr;
  PEGA_CUDA_REQUIRED(PEGA_CUDA_FIELD)
  PEGA_CUDA_OPTIONAL(PEGA_CUDA_FIELD)
#undef PEGA_CUDA_FIELD

  int version = 0;                            // 13000: CUDA 13.0
  std::vector<std::string> missing_optional;  // symbols

  // Loads, checks and calls cuInit, once a process; every later call returns the same. kUnsupported:
  // no library, no GPU, or an older driver, with the missing symbols and its version named.
  static Result<const DriverApi*> Get();
  // The same from another file, afresh each time: for tests.
  static Result<const DriverApi*> Load(const std::string& library);
};

// kDevice: "cuMemcpy2DAsync: CUDA_ERROR_ILLEGAL_ADDRESS (700): an illegal memory access …". Ok for 0.
Status ToStatus(const DriverApi& api, const char* call, CUresult result);
// "GPU-5405a0cd-d75e-c040-015a-491a27139489", as nvidia-smi writes it.
std::string UuidText(const CUuuid& uuid);
// After such a result no call in this context succeeds any more.
bool IsSticky(CUresult result);

}  // namespace pega::cuda
