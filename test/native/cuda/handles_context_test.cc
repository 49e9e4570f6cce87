// Contexts of handles.h: retained, made current for a while, released.
#include <gtest/gtest.h>

#include <thread>

#include "cuda/driver/handles.h"
#include "fake_driver.h"

namespace pega::cuda {
namespace {

CUcontext CurrentOf(const DriverApi& api) {
  CUcontext current = nullptr;
  EXPECT_EQ(api.CtxGetCurrent(&current), kSuccess);
  return current;
}

TEST(Context, RetainsThePrimaryContextWithoutMakingItCurrent) {
  const FakeDriver fake;
  const ContextPtr first = Context::RetainPrimary(fake.api(), 1).value();
  const ContextPtr again = Context::RetainPrimary(fake.api(), 1).value();
  EXPECT_EQ(first->handle(), again->handle());
  EXPECT_EQ(first->ordinal(), 1);
  EXPECT_EQ(CurrentOf(fake.api()), nullptr);
  EXPECT_EQ(fake.Open(), std::vector<std::string>{"context of GPU 1 retained 2 times"});
}

TEST(Context, IsReleasedWithItsOwner) {
  const FakeDriver fake;
  (void)Context::RetainPrimary(fake.api(), 0);
  EXPECT_TRUE(fake.Open().empty());
}

TEST(Context, NoSuchGpu) {
  const FakeDriver fake;
  for (const int ordinal : {-1, 2}) {
    const auto context = Context::RetainPrimary(fake.api(), ordinal);
    ASSERT_FALSE(context.ok());
    EXPECT_EQ(context.status().code(), Code::kInvalidArgument);
    EXPECT_EQ(context.status().message(),
              "no GPU " + std::to_string(ordinal) + ": the driver shows this process 2");
  }
}

TEST(Context, AFailureIsTheDrivers) {
  const FakeDriver fake;
  fake.fake_cuda_fail("cuDevicePrimaryCtxRetain", 1, kErrorOutOfMemory, 1);
  const auto context = Context::RetainPrimary(fake.api(), 0);
  ASSERT_FALSE(context.ok());
  EXPECT_EQ(context.status().message(),
            "cuDevicePrimaryCtxRetain: CUDA_ERROR_OUT_OF_MEMORY (2): out of memory");
}

TEST(ScopedContext, PutsTheFormerOneBack) {
  const FakeDriver fake;
  const ContextPtr outer = Context::RetainPrimary(fake.api(), 0).value();
  const ContextPtr inner = Context::RetainPrimary(fake.api(), 1).value();
  {
    const ScopedContext first(*outer);
    ASSERT_TRUE(first.status().ok());
    EXPECT_EQ(CurrentOf(fake.api()), outer->handle());
    {
      const ScopedContext second(*inner);
      const ScopedContext same(*inner);
      EXPECT_EQ(CurrentOf(fake.api()), inner->handle());
    }
    EXPECT_EQ(CurrentOf(fake.api()), outer->handle());
  }
  EXPECT_EQ(CurrentOf(fake.api()), nullptr);
}

TEST(ScopedContext, IsOfItsThreadOnly) {
  const FakeDriver fake;
  const ContextPtr context = Context::RetainPrimary(fake.api(), 0).value();
  const ScopedContext current(*context);
  std::thread([&] { EXPECT_EQ(CurrentOf(fake.api()), nullptr); }).join();
}

TEST(ScopedContext, SaysWhatFailedAndUndoesTheRest) {
  const FakeDriver fake;
  const ContextPtr context = Context::RetainPrimary(fake.api(), 0).value();
  fake.fake_cuda_fail("cuCtxSetCurrent", 1, kErrorInvalidContext, 1);
  {
    const ScopedContext current(*context);
    EXPECT_EQ(current.status().code(), Code::kDevice);
    EXPECT_EQ(current.status().message().find("cuCtxSetCurrent: "), 0u);
  }
  EXPECT_EQ(CurrentOf(fake.api()), nullptr);
  int mode = kCaptureGlobal;
  EXPECT_EQ(fake.api().ThreadExchangeStreamCaptureMode(&mode), kSuccess);
  EXPECT_EQ(mode, kCaptureGlobal);
}

}  // namespace
}  // namespace pega::cuda
