// FakeGpu: a fake driver, GPU 0's context current on this thread, two streams, and some memory:
// what most tests of the fake begin with. Strict unless told otherwise.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "cuda/driver/handles.h"
#include "fake_driver.h"

namespace pega::cuda {

struct FakeGpu {
  static constexpr std::size_t kBytes = std::size_t{1} << 20;  // of `device` and `host`

  explicit FakeGpu(const std::string& settings = FakeDriver::kStrict)
      : fake(settings),
        api(fake.api()),
        context(Context::RetainPrimary(api, 0).value()),
        current(std::make_unique<ScopedContext>(*context)),
        a(MakeStream(context, false).value()),
        b(MakeStream(context, true).value()),
        device(AllocateDevice(context, kBytes).value()),
        host(AllocateHost(context, kBytes).value()) {
    std::memset(Host(), 0, kBytes);
  }
  ~FakeGpu() { fake.fake_cuda_release_all(); }

  unsigned char* Host(std::size_t offset = 0) const {
    return static_cast<unsigned char*>(host.get()) + offset;
  }
  CUdeviceptr Device(std::size_t offset = 0) const { return device.get() + offset; }
  const unsigned char* DeviceBytes(std::size_t offset = 0) const {
    return static_cast<const unsigned char*>(fake.fake_cuda_bytes(device.get())) + offset;
  }
  Event MakeRecorded(const Stream& stream) const {
    Event event = MakeEvent(context).value();
    EXPECT_EQ(api.EventRecord(event.get(), stream.get()), kSuccess);
    return event;
  }
  void Await(const Stream& stream) const {
    EXPECT_EQ(api.StreamSynchronize(stream.get()), kSuccess);
  }
  bool FoundMisuse(const std::string& part) const {
    for (const std::string& sentence : fake.Misuse()) {
      if (sentence.find(part) != std::string::npos) return true;
    }
    return false;
  }

  FakeDriver fake;
  const DriverApi& api;
  ContextPtr context;
  std::unique_ptr<ScopedContext> current;
  Stream a, b;
  DeviceMemory device;
  HostMemory host;
};

}  // namespace pega::cuda
