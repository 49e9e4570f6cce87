// The fake driver's copies: bytes and rows, from one thread and from many.
#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "cuda/driver/handles.h"
#include "fake_driver.h"
#include "fake_gpu.h"

namespace pega::cuda {
namespace {

TEST(FakeCopies, BytesGoToTheGpuAndBack) {
  const FakeDriver fake;
  const DriverApi& api = fake.api();
  constexpr std::size_t kBytes = 4096;
  {
    const ContextPtr context = Context::RetainPrimary(api, 0).value();
    const ScopedContext current(*context);
    const Stream stream = MakeStream(context, false).value();
    const Event event = MakeEvent(context).value();
    const DeviceMemory memory = AllocateDevice(context, kBytes).value();
    const HostMemory host = AllocateHost(context, 2 * kBytes).value();
    auto* const bytes = static_cast<unsigned char*>(host.get());
    for (std::size_t i = 0; i < kBytes; ++i) bytes[i] = static_cast<unsigned char>(i * 7);
    ASSERT_EQ(api.MemcpyHtoDAsync(memory.get(), bytes, kBytes, stream.get()), kSuccess);
    ASSERT_EQ(api.MemcpyDtoHAsync(bytes + kBytes, memory.get(), kBytes, stream.get()), kSuccess);
    ASSERT_EQ(api.EventRecord(event.get(), stream.get()), kSuccess);
    ASSERT_EQ(api.EventSynchronize(event.get()), kSuccess);
    EXPECT_EQ(std::memcmp(bytes, bytes + kBytes, kBytes), 0);
  }
  EXPECT_TRUE(fake.Open().empty());
}

TEST(FakeCopies, RowsGoFromPitchToPitch) {
  constexpr std::size_t kWidth = 96, kRows = 50, kFrom = 256, kTo = 128;
  const FakeGpu gpu;
  for (std::size_t i = 0; i < kRows * kFrom; ++i)
    *gpu.Host(i) = static_cast<unsigned char>(i % 251);
  CudaMemcpy2D rows{};
  rows.src_memory_type = kMemoryHost;
  rows.src_host = gpu.Host();
  rows.src_x_bytes = 32;
  rows.src_y = 1;
  rows.src_pitch = kFrom;
  rows.dst_memory_type = kMemoryDevice;
  rows.dst_device = gpu.Device();
  rows.dst_pitch = kTo;
  rows.width_bytes = kWidth;
  rows.height = kRows - 1;
  ASSERT_EQ(gpu.api.Memcpy2DAsync(&rows, gpu.a.get()), kSuccess);
  gpu.Await(gpu.a);
  for (std::size_t row = 0; row + 1 < kRows; ++row) {
    EXPECT_EQ(std::memcmp(gpu.DeviceBytes(row * kTo), gpu.Host((row + 1) * kFrom + 32), kWidth), 0);
    EXPECT_EQ(*gpu.DeviceBytes(row * kTo + kWidth), 0xA5);  // between the rows: untouched
  }
}

TEST(FakeCopies, ManyThreadsAtOnce) {
  const FakeGpu gpu;
  constexpr int kThreads = 4, kRounds = 50;
  constexpr std::size_t kBytes = 4096;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&gpu, t] {
      const ScopedContext current(*gpu.context);
      const Stream stream = MakeStream(gpu.context, false).value();
      const std::size_t at = static_cast<std::size_t>(t) * 2 * kBytes;
      for (int round = 0; round < kRounds; ++round) {
        std::memset(gpu.Host(at), t * kRounds + round, kBytes);
        const DeviceMemory device = AllocateDevice(gpu.context, kBytes).value();
        EXPECT_EQ(gpu.api.MemcpyHtoDAsync(device.get(), gpu.Host(at), kBytes, stream.get()),
                  kSuccess);
        EXPECT_EQ(
            gpu.api.MemcpyDtoHAsync(gpu.Host(at + kBytes), device.get(), kBytes, stream.get()),
            kSuccess);
        const Event end = gpu.MakeRecorded(stream);
        EXPECT_EQ(gpu.api.EventSynchronize(end.get()), kSuccess);
        EXPECT_EQ(std::memcmp(gpu.Host(at), gpu.Host(at + kBytes), kBytes), 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace pega::cuda
