// Misuse of the driver that the fake one notes or dies of.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <thread>

#include "fake_gpu.h"

namespace pega::cuda {
namespace {

constexpr std::size_t kPage = 4096;

struct FakeMisuse : testing::Test {
  FakeGpu gpu{FakeDriver::kLenient};
  const DriverApi& api = gpu.api;

  // Pages of this process that nobody has registered.
  static unsigned char* Map(std::size_t bytes) {
    void* const at =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(at, MAP_FAILED);
    return static_cast<unsigned char*>(at);
  }
  CUresult Load(const void* from, std::size_t bytes) const {
    return api.MemcpyHtoDAsync(gpu.Device(), from, bytes, gpu.a.get());
  }
};

TEST_F(FakeMisuse, FreedHandles) {
  CUevent event = nullptr;
  CUstream stream = nullptr;
  ASSERT_EQ(api.EventCreate(&event, 0), kSuccess);
  ASSERT_EQ(api.StreamCreateWithPriority(&stream, kStreamNonBlocking, 0), kSuccess);
  ASSERT_EQ(api.EventRecord(event, stream), kSuccess);
  ASSERT_EQ(api.EventDestroy(event), kSuccess);
  ASSERT_EQ(api.StreamDestroy(stream), kSuccess);
  EXPECT_EQ(api.StreamWaitEvent(gpu.a.get(), event, 0), kErrorInvalidHandle);
  EXPECT_EQ(api.EventQuery(event), kErrorInvalidHandle);
  EXPECT_EQ(api.EventDestroy(event), kErrorInvalidHandle);
  EXPECT_EQ(api.StreamSynchronize(stream), kErrorInvalidHandle);
  EXPECT_EQ(gpu.fake.Misuse().size(), 4u);
  EXPECT_TRUE(gpu.FoundMisuse("cuStreamWaitEvent: event "));
}

TEST_F(FakeMisuse, AHandleOfAnotherKind) {
  const Event event = MakeEvent(gpu.context).value();
  EXPECT_EQ(api.StreamSynchronize(reinterpret_cast<CUstream>(event.get())), kErrorInvalidHandle);
  EXPECT_TRUE(gpu.FoundMisuse("is not live"));
}

TEST_F(FakeMisuse, WaitingForAnEventThatWasNeverRecorded) {
  const Event event = MakeEvent(gpu.context).value();
  EXPECT_EQ(api.StreamWaitEvent(gpu.a.get(), event.get(), 0), kSuccess);
  EXPECT_EQ(api.EventQuery(event.get()), kSuccess);
  EXPECT_EQ(gpu.fake.Misuse().size(), 2u);
  EXPECT_TRUE(gpu.FoundMisuse("was never recorded"));
}

TEST_F(FakeMisuse, NoContext) {
  CUresult result = kSuccess;
  std::thread([&] { result = api.StreamSynchronize(gpu.a.get()); }).join();
  EXPECT_EQ(result, kErrorInvalidContext);
  EXPECT_TRUE(gpu.FoundMisuse("no context is current"));
}

TEST_F(FakeMisuse, AnotherGpusContext) {
  const ContextPtr other = Context::RetainPrimary(api, 1).value();
  const ScopedContext current(*other);
  const Event event = MakeEvent(other).value();
  EXPECT_EQ(api.EventRecord(event.get(), gpu.a.get()), kErrorInvalidHandle);
  const Stream stream = MakeStream(other, false).value();
  EXPECT_EQ(api.MemcpyHtoDAsync(gpu.Device(), gpu.Host(), 64, stream.get()), kErrorInvalidValue);
  EXPECT_EQ(api.MemFree(gpu.Device()), kErrorInvalidValue);
  EXPECT_EQ(gpu.fake.Misuse().size(), 3u);
}

TEST_F(FakeMisuse, PastAnAllocation) {
  EXPECT_EQ(api.MemcpyHtoDAsync(gpu.Device(1), gpu.Host(), FakeGpu::kBytes, gpu.a.get()),
            kErrorInvalidValue);
  EXPECT_EQ(api.MemcpyHtoDAsync(gpu.Device(FakeGpu::kBytes), gpu.Host(), 1, gpu.a.get()),
            kErrorInvalidValue);
  EXPECT_EQ(api.MemcpyDtoHAsync(gpu.Host(1), gpu.Device(), FakeGpu::kBytes, gpu.a.get()),
            kErrorInvalidValue);
  EXPECT_EQ(gpu.fake.Misuse().size(), 3u);
  EXPECT_EQ(Load(gpu.Host(), FakeGpu::kBytes), kSuccess);
  gpu.Await(gpu.a);
}

TEST_F(FakeMisuse, FreedDeviceMemory) {
  CUdeviceptr memory = 0;
  ASSERT_EQ(api.MemAlloc(&memory, kPage), kSuccess);
  EXPECT_EQ(api.MemFree(memory + 1), kErrorInvalidValue);
  ASSERT_EQ(api.MemFree(memory), kSuccess);
  EXPECT_EQ(api.MemcpyHtoDAsync(memory, gpu.Host(), 64, gpu.a.get()), kErrorInvalidValue);
  EXPECT_EQ(api.MemFree(memory), kErrorInvalidValue);
  EXPECT_EQ(gpu.fake.Misuse().size(), 3u);
}

TEST_F(FakeMisuse, HostMemoryThatIsNotPinned) {
  unsigned char* const pages = Map(kPage);
  EXPECT_EQ(Load(pages, 64), kErrorInvalidValue);
  EXPECT_TRUE(gpu.FoundMisuse("not pinned"));
  munmap(pages, kPage);
}

TEST_F(FakeMisuse, ACopyAcrossTwoRegistrations) {
  unsigned char* const pages = Map(2 * kPage);
  ASSERT_EQ(api.MemHostRegister(pages, kPage, kHostRegisterPortable), kSuccess);
  ASSERT_EQ(api.MemHostRegister(pages + kPage, kPage, kHostRegisterPortable), kSuccess);
  EXPECT_EQ(Load(pages, kPage), kSuccess);
  EXPECT_EQ(Load(pages + kPage, kPage), kSuccess);
  EXPECT_TRUE(gpu.fake.Misuse().empty());
  EXPECT_EQ(Load(pages + 1, kPage), kErrorInvalidValue);
  EXPECT_TRUE(gpu.FoundMisuse("cross two registrations"));
  CudaMemcpy2D rows{};  // no row crosses, all together do
  rows.src_memory_type = kMemoryHost;
  rows.src_host = pages;
  rows.src_pitch = kPage;
  rows.dst_memory_type = kMemoryDevice;
  rows.dst_device = gpu.Device();
  rows.dst_pitch = 64;
  rows.width_bytes = 64;
  rows.height = 2;
  EXPECT_EQ(api.Memcpy2DAsync(&rows, gpu.a.get()), kErrorInvalidValue);
  EXPECT_EQ(gpu.fake.Misuse().size(), 2u);
  gpu.Await(gpu.a);
  EXPECT_EQ(api.MemHostUnregister(pages), kSuccess);
  EXPECT_EQ(api.MemHostUnregister(pages + kPage), kSuccess);
  munmap(pages, 2 * kPage);
}

TEST_F(FakeMisuse, RegisteringTwiceAndWhatIsNotThere) {
  unsigned char* const pages = Map(4 * kPage);
  ASSERT_EQ(api.MemHostRegister(pages + kPage, 2 * kPage, 0), kSuccess);
  EXPECT_EQ(api.MemHostRegister(pages, 2 * kPage, 0), kErrorHostMemoryAlreadyRegistered);
  EXPECT_EQ(api.MemHostRegister(pages + 2 * kPage, kPage, 0), kErrorHostMemoryAlreadyRegistered);
  EXPECT_EQ(api.MemHostUnregister(pages), kErrorHostMemoryNotRegistered);
  EXPECT_EQ(api.MemHostUnregister(pages + kPage), kSuccess);
  EXPECT_EQ(api.MemHostUnregister(pages + kPage), kErrorHostMemoryNotRegistered);
  munmap(pages, 4 * kPage);
  EXPECT_EQ(api.MemHostRegister(pages, kPage, 0), kErrorInvalidValue);
  EXPECT_TRUE(gpu.FoundMisuse("is not mapped"));
  EXPECT_EQ(gpu.fake.Misuse().size(), 5u);
}

TEST_F(FakeMisuse, PinnedForAnotherContextOnly) {
  unsigned char* const pages = Map(kPage);
  const ContextPtr other = Context::RetainPrimary(api, 1).value();
  {
    const ScopedContext current(*other);
    ASSERT_EQ(api.MemHostRegister(pages, kPage, 0), kSuccess);
  }
  EXPECT_EQ(Load(pages, 64), kErrorInvalidValue);
  EXPECT_TRUE(gpu.FoundMisuse("another context only"));
  EXPECT_EQ(api.MemHostUnregister(pages), kSuccess);
  munmap(pages, kPage);
}

TEST_F(FakeMisuse, UnregisteringAfterUnmapping) {
  unsigned char* const pages = Map(kPage);
  ASSERT_EQ(api.MemHostRegister(pages, kPage, 0), kSuccess);
  munmap(pages, kPage);
  EXPECT_EQ(api.MemHostUnregister(pages), kSuccess);
  EXPECT_TRUE(gpu.FoundMisuse("unmapped before it was unregistered"));
}

TEST_F(FakeMisuse, FreeingWhatACopyStillUses) {
  unsigned char* const pages = Map(kPage);
  ASSERT_EQ(api.MemHostRegister(pages, kPage, 0), kSuccess);
  gpu.fake.fake_cuda_hold(gpu.a.get());
  ASSERT_EQ(Load(pages, 64), kSuccess);
  EXPECT_EQ(api.MemHostUnregister(pages), kSuccess);
  EXPECT_TRUE(gpu.FoundMisuse("cuMemHostUnregister: unregistered memory at "));
  gpu.fake.fake_cuda_release(gpu.a.get());
  EXPECT_EQ(api.StreamSynchronize(gpu.a.get()), kErrorIllegalAddress);
  munmap(pages, kPage);
}

TEST_F(FakeMisuse, WhatACopyUsedMayGoOnceItsEndIsKnown) {
  CUdeviceptr memory = 0;
  ASSERT_EQ(api.MemAlloc(&memory, kPage), kSuccess);
  ASSERT_EQ(api.MemcpyHtoDAsync(memory, gpu.Host(), kPage, gpu.a.get()), kSuccess);
  const Event end = gpu.MakeRecorded(gpu.a);
  ASSERT_EQ(api.EventSynchronize(end.get()), kSuccess);
  EXPECT_EQ(api.MemFree(memory), kSuccess);
  EXPECT_TRUE(gpu.fake.Misuse().empty());
}

TEST_F(FakeMisuse, ADeviceAddressIsNoHostAddress) {
  EXPECT_EQ(Load(reinterpret_cast<void*>(gpu.Device()), 64), kErrorInvalidValue);
  EXPECT_TRUE(gpu.FoundMisuse("is no host address"));
}

TEST_F(FakeMisuse, RowsLongerThanTheirPitch) {
  CudaMemcpy2D rows{};
  rows.src_memory_type = kMemoryHost;
  rows.src_host = gpu.Host();
  rows.src_pitch = 63;
  rows.dst_memory_type = kMemoryDevice;
  rows.dst_device = gpu.Device();
  rows.dst_pitch = 64;
  rows.width_bytes = 64;
  rows.height = 2;
  EXPECT_EQ(api.Memcpy2DAsync(&rows, gpu.a.get()), kErrorInvalidValue);
  EXPECT_TRUE(gpu.FoundMisuse("longer than their pitch"));
}

TEST(FakeMisuseDeath, EndsTheProcessWhenAsked) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH(
      {
        const FakeGpu gpu(FakeDriver::kStrict);
        (void)gpu.api.EventQuery(nullptr);
      },
      "misuse: cuEventQuery: event 0x0 is not live");
}

TEST(FakeMisuseDeath, HostCodeCannotReadDeviceMemory) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH(
      {
        const FakeGpu gpu;
        *reinterpret_cast<volatile unsigned char*>(gpu.Device()) = 1;
      },
      "");
}

}  // namespace
}  // namespace pega::cuda
