// The fake driver's devices: number, memory, addresses, counts of calls.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>

#include "fake_gpu.h"

namespace pega::cuda {
namespace {

TEST(FakeDevices, AreAsTheSettingsSay) {
  const FakeDriver fake("gpus=3,memory_mib=96,name=NVIDIA H100,capability=89,sms=24,version=12060");
  const DriverApi& api = fake.api();
  int count = 0, value = 0;
  char text[32];
  std::size_t bytes = 0;
  EXPECT_EQ(api.DeviceGetCount(&count), kSuccess);
  EXPECT_EQ(count, 3);
  EXPECT_EQ(api.version, 12060);
  EXPECT_EQ(api.DeviceGetName(text, sizeof text, 2), kSuccess);
  EXPECT_STREQ(text, "NVIDIA H100");
  EXPECT_EQ(api.DeviceTotalMem(&bytes, 2), kSuccess);
  EXPECT_EQ(bytes, std::size_t{96} << 20);
  EXPECT_EQ(api.DeviceGetPCIBusId(text, sizeof text, 0), kSuccess);
  EXPECT_STREQ(text, "0000:01:00.0");
  EXPECT_EQ(api.DeviceGetAttribute(&value, kAttributeMultiprocessorCount, 0), kSuccess);
  EXPECT_EQ(value, 24);
  EXPECT_EQ(api.DeviceGetAttribute(&value, kAttributeComputeCapabilityMajor, 0), kSuccess);
  EXPECT_EQ(value, 8);
  EXPECT_EQ(api.DeviceGetAttribute(&value, kAttributeComputeCapabilityMinor, 0), kSuccess);
  EXPECT_EQ(value, 9);
  std::set<std::string> uuids;
  for (CUdevice device = 0; device < 3; ++device) {
    CUuuid uuid{};
    EXPECT_EQ(api.DeviceGetUuid(&uuid, device), kSuccess);
    uuids.emplace(reinterpret_cast<const char*>(uuid.bytes), sizeof uuid.bytes);
  }
  EXPECT_EQ(uuids.size(), 3u);
  CUdevice device = 0;
  EXPECT_EQ(api.DeviceGet(&device, 3), kErrorInvalidDevice);
}

TEST(FakeDevices, CountTheirMemory) {
  const FakeGpu gpu("memory_mib=8");
  std::size_t free_before = 0, free_after = 0, total = 0;
  ASSERT_EQ(gpu.api.MemGetInfo(&free_before, &total), kSuccess);
  EXPECT_EQ(total, std::size_t{8} << 20);
  EXPECT_EQ(free_before, total - FakeGpu::kBytes);
  const DeviceMemory memory = AllocateDevice(gpu.context, std::uint64_t{3} << 20).value();
  ASSERT_EQ(gpu.api.MemGetInfo(&free_after, &total), kSuccess);
  EXPECT_EQ(free_before - free_after, std::size_t{3} << 20);
  EXPECT_EQ(AllocateDevice(gpu.context, std::uint64_t{5} << 20).status().code(), Code::kNoSpace);
}

TEST(FakeDevices, MemoryIsReusedLate) {
  const FakeGpu gpu("memory_mib=8,quiet=1");
  std::uint64_t last = 0;
  for (int i = 0; i < 100; ++i) {
    const DeviceMemory memory = AllocateDevice(gpu.context, std::uint64_t{1} << 20).value();
    EXPECT_NE(memory.get(), last);
    last = memory.get();
  }
}

TEST(FakeDevices, SayWhatAnAddressIs) {
  const FakeGpu gpu;
  unsigned type = 0;
  int ordinal = -1;
  CUdeviceptr start = 0;
  std::size_t bytes = 0;
  const auto ask = [&](CUdeviceptr address) {
    return gpu.api.PointerGetAttribute(&type, kPointerMemoryType, address) == kSuccess &&
           gpu.api.PointerGetAttribute(&ordinal, kPointerDeviceOrdinal, address) == kSuccess &&
           gpu.api.PointerGetAttribute(&start, kPointerRangeStart, address) == kSuccess &&
           gpu.api.PointerGetAttribute(&bytes, kPointerRangeBytes, address) == kSuccess;
  };
  ASSERT_TRUE(ask(gpu.Device(100)));
  EXPECT_EQ(type, static_cast<unsigned>(kMemoryDevice));
  EXPECT_EQ(ordinal, 0);
  EXPECT_EQ(start, gpu.Device());
  EXPECT_EQ(bytes, FakeGpu::kBytes);
  ASSERT_TRUE(ask(reinterpret_cast<CUdeviceptr>(gpu.Host(100))));
  EXPECT_EQ(type, static_cast<unsigned>(kMemoryHost));
  int local = 0;
  EXPECT_FALSE(ask(reinterpret_cast<CUdeviceptr>(&local)));
}

TEST(FakeDevices, AreNotThereInAForkedChild) {
  const FakeGpu gpu;
  const pid_t child = fork();
  if (child == 0) {
    int count = 0;
    _exit(gpu.api.DeviceGetCount(&count) == kErrorNotInitialized ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(FakeDevices, CountsCalls) {
  const FakeDriver fake;
  const unsigned long long before = fake.fake_cuda_calls(nullptr);
  int count = 0;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(fake.api().DeviceGetCount(&count), kSuccess);
  EXPECT_EQ(fake.fake_cuda_calls(nullptr), before + 5);
  fake.fake_cuda_reset(FakeDriver::kStrict);
  EXPECT_EQ(fake.fake_cuda_calls("cuDeviceGetCount"), 0u);
}

// What driver_api.h names, and the controls, and nothing else of CUDA's.
TEST(FakeDevices, TheLibraryIsNamedLikeTheDriver) {
  void* const library = dlopen(PEGA_FAKE_CUDA_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr);
  EXPECT_EQ(dlsym(library, "cuMemAllocHost_v2"), nullptr);
  EXPECT_EQ(dlsym(library, "cuMemAlloc"), nullptr);
  void* const by_name = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  EXPECT_EQ(by_name, library);  // its SONAME
}

}  // namespace
}  // namespace pega::cuda
