// Owners of handles.h: what they own is given back, in its context, once.
#include <gtest/gtest.h>

#include "cuda/driver/handles.h"
#include "cuda/kernels/kernel_images.h"
#include "fake_driver.h"

namespace pega::cuda {
namespace {

struct Owners : testing::Test {
  FakeDriver fake;
  ContextPtr context = Context::RetainPrimary(fake.api(), 0).value();
  std::size_t open_before = fake.Open().size();
};

TEST_F(Owners, GiveBackWhatTheyOwn) {
  alignas(4096) static unsigned char pages[8192];
  {
    const ScopedContext current(*context);
    const Stream stream = MakeStream(context, true).value();
    const Event event = MakeEvent(context).value();
    const Event timing = MakeTimingEvent(context).value();
    const DeviceMemory device = AllocateDevice(context, 1000).value();
    const HostMemory host = AllocateHost(context, 1000).value();
    const RegisteredMemory registered = RegisterHost(context, pages, sizeof pages).value();
    const Module module = LoadModule(context, CopyRowsPtx()).value();
    EXPECT_EQ(fake.Open().size(), open_before + 7);
  }
  EXPECT_EQ(fake.Open().size(), open_before);
}

TEST_F(Owners, GiveBackInTheirContextWhicheverIsCurrent) {
  DeviceMemory memory;
  {
    const ScopedContext current(*context);
    memory = AllocateDevice(context, 1000).value();
  }
  const ContextPtr other = Context::RetainPrimary(fake.api(), 1).value();
  const ScopedContext current(*other);
  memory.Reset();  // strict: a wrong context would end the process
  EXPECT_FALSE(memory);
  CUcontext after = nullptr;
  EXPECT_EQ(fake.api().CtxGetCurrent(&after), kSuccess);
  EXPECT_EQ(after, other->handle());
}

TEST_F(Owners, KeepTheirContext) {
  Event event;
  {
    const ScopedContext current(*context);
    event = MakeEvent(context).value();
  }
  context.reset();
  EXPECT_EQ(fake.Open().size(), 2u);
  event.Reset();
  EXPECT_TRUE(fake.Open().empty());
}

TEST_F(Owners, Move) {
  const ScopedContext current(*context);
  Stream first = MakeStream(context, false).value();
  const CUstream handle = first.get();
  Stream second = std::move(first);
  EXPECT_FALSE(first);  // NOLINT: what a move leaves
  EXPECT_EQ(second.get(), handle);
  Stream third = MakeStream(context, false).value();
  third = std::move(second);
  EXPECT_EQ(third.get(), handle);
  EXPECT_EQ(fake.Open().size(), open_before + 1);
}

TEST_F(Owners, AreGivenBackInAContextThatHasEnded) {
  {
    const ScopedContext current(*context);
    const DeviceMemory memory = AllocateDevice(context, 1000).value();
    const Event event = MakeEvent(context).value();
    fake.fake_cuda_fail("cuMemGetInfo_v2", 1, kErrorLaunchFailed, 1);
    std::size_t free_bytes = 0, total_bytes = 0;
    EXPECT_EQ(fake.api().MemGetInfo(&free_bytes, &total_bytes), kErrorLaunchFailed);
  }
  EXPECT_EQ(fake.Open().size(), open_before);
}

TEST_F(Owners, TooMuchMemoryIsNoSpace) {
  const ScopedContext current(*context);
  const auto memory = AllocateDevice(context, std::uint64_t{1} << 40);
  ASSERT_FALSE(memory.ok());
  EXPECT_EQ(memory.status().code(), Code::kNoSpace);
  EXPECT_EQ(memory.status().message(),
            "cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY (2): out of memory (1099511627776 bytes)");
}

TEST(Registering, WhatIsRegisteredFails) {
  const FakeDriver lenient(FakeDriver::kLenient);
  const ContextPtr mine = Context::RetainPrimary(lenient.api(), 0).value();
  alignas(4096) static unsigned char pages[4096];
  const ScopedContext current(*mine);
  const RegisteredMemory first = RegisterHost(mine, pages, sizeof pages).value();
  const auto second = RegisterHost(mine, pages, sizeof pages);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), Code::kDevice);
  EXPECT_NE(second.status().message().find("(712)"), std::string::npos);
}

TEST(Modules, AnOldDriverIsNamed) {
  const FakeDriver fake("version=11080,ptx_max=78");
  const ContextPtr context = Context::RetainPrimary(fake.api(), 0).value();
  const ScopedContext current(*context);
  const auto module = LoadModule(context, "// text\n.version 8.0\n.target sm_80\n");
  ASSERT_FALSE(module.ok());
  EXPECT_EQ(module.status().message(),
            "cuModuleLoadData: CUDA_ERROR_UNSUPPORTED_PTX_VERSION (222): the provided PTX was "
            "compiled with an unsupported toolchain. (the driver is of CUDA 11.8, the kernels are "
            "PTX 8.0 for sm_80)");
}

TEST(Modules, AGpuThatIsTooOldAndTextThatIsNoPtx) {
  const FakeDriver fake("capability=70");
  const ContextPtr context = Context::RetainPrimary(fake.api(), 0).value();
  const ScopedContext current(*context);
  EXPECT_NE(LoadModule(context, CopyRowsPtx()).status().message().find("(209)"), std::string::npos);
  EXPECT_NE(LoadModule(context, "ELF").status().message().find("(200)"), std::string::npos);
}

TEST(Modules, AFunctionThatIsNotThereIsNamed) {
  const FakeDriver fake;
  const ContextPtr context = Context::RetainPrimary(fake.api(), 0).value();
  const ScopedContext current(*context);
  const Module module = LoadModule(context, CopyRowsPtx()).value();
  EXPECT_TRUE(FindFunction(*context, module, "pega_gather_4").ok());
  EXPECT_EQ(FindFunction(*context, module, "pega_nothing").status().message(),
            "cuModuleGetFunction: CUDA_ERROR_NOT_FOUND (500): named symbol not found "
            "(pega_nothing)");
}

}  // namespace
}  // namespace pega::cuda
