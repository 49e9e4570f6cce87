// The types and numbers of the CUDA driver's binary interface that pega uses, declared here so that
// no CUDA toolkit is needed to build. Names and values are the driver's own (CUDA 11.4 to 13).
//
// Used within native/cuda only, the fake driver included. Not here: any call (driver_api.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace pega::cuda {

using CUresult = int;
using CUdevice = int;
using CUdeviceptr = unsigned long long;
using CUcontext = struct CUctx_st*;
using CUstream = struct CUstream_st*;
using CUevent = struct CUevent_st*;
using CUmodule = struct CUmod_st*;
using CUfunction = struct CUfunc_st*;

struct CUuuid {
  unsigned char bytes[16];
};

enum : CUresult {
  kSuccess = 0,
  kErrorInvalidValue = 1,
  kErrorOutOfMemory = 2,
  kErrorNotInitialized = 3,
  kErrorDeinitialized = 4,
  kErrorStubLibrary = 34,
  kErrorNoDevice = 100,
  kErrorInvalidDevice = 101,
  kErrorInvalidImage = 200,
  kErrorInvalidContext = 201,
  kErrorNoBinaryForGpu = 209,
  kErrorEccUncorrectable = 214,
  kErrorInvalidPtx = 218,
  kErrorNvlinkUncorrectable = 220,
  kErrorUnsupportedPtxVersion = 222,
  kErrorContained = 226,
  kErrorOperatingSystem = 304,
  kErrorInvalidHandle = 400,
  kErrorNotFound = 500,
  kErrorNotReady = 600,
  kErrorIllegalAddress = 700,
  kErrorLaunchOutOfResources = 701,
  kErrorLaunchTimeout = 702,
  kErrorContextIsDestroyed = 709,
  kErrorAssert = 710,
  kErrorHostMemoryAlreadyRegistered = 712,
  kErrorHostMemoryNotRegistered = 713,
  kErrorHardwareStackError = 714,
  kErrorIllegalInstruction = 715,
  kErrorMisalignedAddress = 716,
  kErrorInvalidAddressSpace = 717,
  kErrorInvalidPc = 718,
  kErrorLaunchFailed = 719,
  kErrorTensorMemoryLeak = 721,
  kErrorNotPermitted = 800,
  kErrorNotSupported = 801,
  kErrorMpsRpcFailure = 806,
  kErrorMpsClientTerminated = 809,
  kErrorStreamCaptureUnsupported = 900,
  kErrorStreamCaptureInvalidated = 901,
  kErrorStreamCaptureUnmatched = 903,
  kErrorStreamCaptureUnjoined = 904,
  kErrorStreamCaptureIsolation = 905,
  kErrorStreamCaptureImplicit = 906,
  kErrorCapturedEvent = 907,
  kErrorStreamCaptureWrongThread = 908,
  kErrorExternalDevice = 911,
  kErrorUnknown = 999,
};

// After one of these no call in the context succeeds any more.
inline constexpr CUresult kStickyResults[] = {
    kErrorDeinitialized,      kErrorEccUncorrectable,    kErrorNvlinkUncorrectable,
    kErrorContained,          kErrorIllegalAddress,      kErrorLaunchTimeout,
    kErrorContextIsDestroyed, kErrorAssert,              kErrorHardwareStackError,
    kErrorIllegalInstruction, kErrorMisalignedAddress,   kErrorInvalidAddressSpace,
    kErrorInvalidPc,          kErrorLaunchFailed,        kErrorTensorMemoryLeak,
    kErrorMpsRpcFailure,      kErrorMpsClientTerminated, kErrorExternalDevice,
    kErrorUnknown,
};

enum : unsigned {
  kStreamNonBlocking = 1,
  kEventBlockingSync = 1,
  kEventDisableTiming = 2,
  kHostRegisterPortable = 1,
  kHostRegisterDeviceMap = 2,
  kHostAllocPortable = 1,
  kHostAllocDeviceMap = 2,
};

enum : int {  // CUmemorytype
  kMemoryHost = 1,
  kMemoryDevice = 2,
};

enum : int {  // CUstreamCaptureMode, CUstreamCaptureStatus
  kCaptureGlobal = 0,
  kCaptureThreadLocal = 1,
  kCaptureRelaxed = 2,
  kCaptureNone = 0,
  kCaptureActive = 1,
  kCaptureInvalidated = 2,
};

enum : int {  // CUdevice_attribute
  kAttributeMultiprocessorCount = 16,
  kAttributeComputeCapabilityMajor = 75,
  kAttributeComputeCapabilityMinor = 76,
  // Kernels may use host addresses of registered memory as they are.
  kAttributeHostPointersOfRegisteredMemory = 91,
};

enum : int {  // CUpointer_attribute
  kPointerMemoryType = 2,
  kPointerDeviceOrdinal = 9,
  kPointerRangeStart = 11,
  kPointerRangeBytes = 12,
};

struct CudaMemcpy2D {  // CUDA_MEMCPY2D
  std::size_t src_x_bytes, src_y;
  int src_memory_type;
  const void* src_host;
  CUdeviceptr src_device;
  void* src_array;
  std::size_t src_pitch;
  std::size_t dst_x_bytes, dst_y;
  int dst_memory_type;
  void* dst_host;
  CUdeviceptr dst_device;
  void* dst_array;
  std::size_t dst_pitch;
  std::size_t width_bytes, height;
};
static_assert(sizeof(CudaMemcpy2D) == 128);

}  // namespace pega::cuda
