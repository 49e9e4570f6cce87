// The fake driver's faults: calls that fail when asked to, and contexts that end.
#include <gtest/gtest.h>

#include <thread>

#include "fake_gpu.h"

namespace pega::cuda {
namespace {

TEST(FakeFaults, TheNthCallFailsOnce) {
  const FakeGpu gpu;
  gpu.fake.fake_cuda_fail("cuEventRecord", 3, kErrorInvalidValue, 1);
  const Event event = MakeEvent(gpu.context).value();
  std::vector<CUresult> results;
  for (int i = 0; i < 4; ++i) results.push_back(gpu.api.EventRecord(event.get(), gpu.a.get()));
  EXPECT_EQ(results, (std::vector<CUresult>{kSuccess, kSuccess, kErrorInvalidValue, kSuccess}));
  EXPECT_EQ(gpu.fake.fake_cuda_calls("cuEventRecord"), 4u);
  EXPECT_EQ(gpu.fake.Pending().size() + gpu.fake.History().size(), 3u);  // it did nothing else
}

TEST(FakeFaults, ForEverOrSomeTimes) {
  const FakeGpu gpu;
  std::size_t free_bytes = 0, total_bytes = 0;
  const auto ask = [&] { return gpu.api.MemGetInfo(&free_bytes, &total_bytes); };
  gpu.fake.fake_cuda_fail("cuMemGetInfo_v2", 1, kErrorNotSupported, 2);
  EXPECT_EQ(ask(), kErrorNotSupported);
  EXPECT_EQ(ask(), kErrorNotSupported);
  EXPECT_EQ(ask(), kSuccess);
  gpu.fake.fake_cuda_fail("cuMemGetInfo_v2", 2, kErrorOutOfMemory, 0);
  EXPECT_EQ(ask(), kSuccess);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(), kErrorOutOfMemory);
}

TEST(FakeFaults, BySettings) {
  const FakeDriver fake("fail=cuDeviceGetName:2:1,fail=cuDeviceTotalMem_v2:1:999:forever");
  char name[64];
  std::size_t bytes = 0;
  EXPECT_EQ(fake.api().DeviceGetName(name, sizeof name, 0), kSuccess);
  EXPECT_EQ(fake.api().DeviceGetName(name, sizeof name, 0), kErrorInvalidValue);
  EXPECT_EQ(fake.api().DeviceGetName(name, sizeof name, 0), kSuccess);
  EXPECT_EQ(fake.api().DeviceTotalMem(&bytes, 0), kErrorUnknown);
  EXPECT_EQ(fake.api().DeviceTotalMem(&bytes, 0), kErrorUnknown);
}

// What a context that has ended says to everything.
void ExpectDead(const FakeGpu& gpu, CUresult cause) {
  CUdeviceptr memory = 0;
  CUevent event = nullptr;
  EXPECT_EQ(gpu.api.StreamSynchronize(gpu.a.get()), cause);
  EXPECT_EQ(gpu.api.MemAlloc(&memory, 64), cause);
  EXPECT_EQ(gpu.api.EventCreate(&event, 0), cause);
  EXPECT_EQ(gpu.api.MemcpyHtoDAsync(gpu.Device(), gpu.Host(), 64, gpu.b.get()), cause);
}

TEST(FakeFaults, AStickyResultEndsItsContextAndNoOther) {
  const FakeGpu gpu;
  const ContextPtr other = Context::RetainPrimary(gpu.api, 1).value();
  gpu.fake.fake_cuda_hold_all();
  ASSERT_EQ(gpu.api.MemsetD8Async(gpu.Device(), 1, 64, gpu.a.get()), kSuccess);
  gpu.fake.fake_cuda_fail("cuEventCreate", 1, kErrorEccUncorrectable, 1);
  EXPECT_EQ(MakeEvent(gpu.context).status().code(), Code::kDevice);
  EXPECT_TRUE(gpu.fake.Pending().empty());  // what it was given never runs
  ExpectDead(gpu, kErrorEccUncorrectable);
  const ScopedContext current(*other);
  EXPECT_TRUE(AllocateDevice(other, 64).ok());
}

TEST(FakeFaults, AnOperationThatFailsWhenItRuns) {
  const FakeGpu gpu;
  gpu.fake.fake_cuda_fail_execution("cuMemcpyHtoDAsync_v2", 2, kErrorLaunchFailed);
  EXPECT_EQ(gpu.api.MemcpyHtoDAsync(gpu.Device(), gpu.Host(), 64, gpu.a.get()), kSuccess);
  gpu.Await(gpu.a);
  gpu.fake.fake_cuda_hold(gpu.a.get());
  EXPECT_EQ(gpu.api.MemcpyHtoDAsync(gpu.Device(), gpu.Host(), 64, gpu.a.get()), kSuccess);
  const Event end = gpu.MakeRecorded(gpu.a);
  EXPECT_EQ(gpu.api.EventQuery(end.get()), kErrorNotReady);
  gpu.fake.fake_cuda_release(gpu.a.get());
  EXPECT_EQ(gpu.api.EventSynchronize(end.get()), kErrorLaunchFailed);
  ExpectDead(gpu, kErrorLaunchFailed);
}

TEST(FakeFaults, ACallThatWaitsIsToldOfTheEnd) {
  const FakeGpu gpu;
  gpu.fake.fake_cuda_hold(gpu.a.get());
  const Event end = gpu.MakeRecorded(gpu.a);
  CUresult result = kSuccess;
  std::thread waiting([&] {
    const ScopedContext current(*gpu.context);
    result = gpu.api.EventSynchronize(end.get());
  });
  while (gpu.fake.fake_cuda_calls("cuEventSynchronize") == 0) std::this_thread::yield();
  gpu.fake.fake_cuda_fail("cuEventQuery", 1, kErrorIllegalAddress, 1);
  EXPECT_EQ(gpu.api.EventQuery(end.get()), kErrorIllegalAddress);
  waiting.join();
  EXPECT_EQ(result, kErrorIllegalAddress);
}

TEST(FakeFaults, AnewAfterTheContextIsReleased) {
  const FakeDriver fake;
  {
    const ContextPtr context = Context::RetainPrimary(fake.api(), 0).value();
    const ScopedContext current(*context);
    fake.fake_cuda_fail("cuEventCreate", 1, kErrorIllegalAddress, 1);
    EXPECT_FALSE(MakeEvent(context).ok());
    EXPECT_FALSE(MakeEvent(context).ok());
  }
  const ContextPtr context = Context::RetainPrimary(fake.api(), 0).value();
  const ScopedContext current(*context);
  EXPECT_TRUE(MakeEvent(context).ok());
}

}  // namespace
}  // namespace pega::cuda
