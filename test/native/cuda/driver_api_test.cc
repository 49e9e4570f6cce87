#include "cuda/driver/driver_api.h"

#include <gtest/gtest.h>

#include "fake_driver.h"

namespace pega::cuda {
namespace {

TEST(DriverApi, LoadsAWholeDriver) {
  const FakeDriver fake("version=12040");
  ASSERT_TRUE(fake.status().ok()) << fake.status().message();
  EXPECT_EQ(fake.api().version, 12040);
  EXPECT_TRUE(fake.api().missing_optional.empty());
  EXPECT_NE(fake.api().DeviceGetUuid, nullptr);
}

TEST(DriverApi, NamesAllThatIsMissingWithTheVersion) {
  const FakeDriver fake("version=11040,missing=cuMemcpy2DAsync_v2,missing=cuLaunchKernel");
  EXPECT_EQ(fake.status().code(), Code::kUnsupported);
  EXPECT_EQ(fake.status().message(),
            "driver of CUDA 11.4 lacks cuMemcpy2DAsync_v2, cuLaunchKernel; "
            "required: a driver of CUDA 12.0 or later");
}

TEST(DriverApi, ADriverWithoutAVersionIsNamedSo) {
  const FakeDriver fake("missing=cuDriverGetVersion");
  EXPECT_EQ(fake.status().message(),
            "driver of unknown version lacks cuDriverGetVersion; "
            "required: a driver of CUDA 12.0 or later");
}

TEST(DriverApi, AnOptionalSymbolMayBeMissing) {
  const FakeDriver fake("missing=cuDeviceGetUuid_v2");
  ASSERT_TRUE(fake.status().ok());
  EXPECT_EQ(fake.api().DeviceGetUuid, nullptr);
  EXPECT_NE(fake.api().MemsetD8Async, nullptr);
  EXPECT_EQ(fake.api().missing_optional, std::vector<std::string>{"cuDeviceGetUuid_v2"});
}

TEST(DriverApi, NoLibrary) {
  const Result<const DriverApi*> loaded = DriverApi::Load("libcuda-nowhere.so.1");
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.status().code(), Code::kUnsupported);
  EXPECT_EQ(loaded.status().message().find("libcuda-nowhere.so.1 not found: "), 0u);
  EXPECT_NE(loaded.status().message().find("cannot open shared object file"), std::string::npos);
}

TEST(DriverApi, NoGpu) {
  const FakeDriver fake("gpus=0,version=12080");
  EXPECT_EQ(fake.status().code(), Code::kUnsupported);
  EXPECT_EQ(fake.status().message(),
            "cuInit: CUDA_ERROR_NO_DEVICE (100): no CUDA-capable device is detected "
            "(driver of CUDA 12.8)");
}

TEST(DriverApi, TheToolkitsStubIsNoDriver) {
  const FakeDriver fake("init=34");
  EXPECT_EQ(fake.status().code(), Code::kUnsupported);
  EXPECT_NE(fake.status().message().find("stub"), std::string::npos);
}

TEST(DriverApi, AResultHasNameNumberAndText) {
  const FakeDriver fake;
  EXPECT_TRUE(ToStatus(fake.api(), "cuX", kSuccess).ok());
  const Status status = ToStatus(fake.api(), "cuMemcpy2DAsync", kErrorIllegalAddress);
  EXPECT_EQ(status.code(), Code::kDevice);
  EXPECT_EQ(status.message(),
            "cuMemcpy2DAsync: CUDA_ERROR_ILLEGAL_ADDRESS (700): an illegal memory access was "
            "encountered");
  EXPECT_EQ(ToStatus(fake.api(), "cuX", 12345).message(), "cuX: unknown result (12345)");
}

TEST(DriverApi, WhatEndsAContext) {
  for (const CUresult result :
       {kErrorIllegalAddress, kErrorLaunchFailed, kErrorEccUncorrectable, kErrorMisalignedAddress,
        kErrorInvalidPc, kErrorAssert, kErrorContextIsDestroyed, kErrorUnknown}) {
    EXPECT_TRUE(IsSticky(result)) << result;
  }
  for (const CUresult result : {kSuccess, kErrorNotReady, kErrorOutOfMemory, kErrorInvalidValue,
                                kErrorStreamCaptureUnsupported, kErrorInvalidHandle}) {
    EXPECT_FALSE(IsSticky(result)) << result;
  }
}

}  // namespace
}  // namespace pega::cuda
