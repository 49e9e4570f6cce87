#include <gtest/gtest.h>

#include <cstring>

#include "cuda/driver/handles.h"
#include "fake_driver.h"

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

}  // namespace
}  // namespace pega::cuda
