// The fake driver's graph captures: what spoils one, and what may go on beside it.
#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "fake_gpu.h"

namespace pega::cuda {
namespace {

struct FakeCapture : testing::Test {
  FakeGpu gpu;
  const DriverApi& api = gpu.api;

  // On a thread of its own, with the context current and a capture mode.
  template <typename Do>
  void Beside(int mode, Do call) const {
    std::thread([&] {
      ASSERT_EQ(api.CtxSetCurrent(gpu.context->handle()), kSuccess);
      ASSERT_EQ(api.ThreadExchangeStreamCaptureMode(&mode), kSuccess);
      call();
    }).join();
  }
  // A thread's calls during a capture in another, in the global mode: each must be refused.
  void ExpectUnsafe(const char* what, const std::function<CUresult()>& call) const {
    ASSERT_EQ(gpu.fake.fake_cuda_begin_capture(gpu.a.get(), kCaptureGlobal), kSuccess);
    Beside(kCaptureGlobal, [&] { EXPECT_EQ(call(), kErrorStreamCaptureUnsupported) << what; });
    EXPECT_EQ(gpu.fake.fake_cuda_end_capture(gpu.a.get()), kErrorStreamCaptureInvalidated) << what;
  }
  void EndWell() const { EXPECT_EQ(gpu.fake.fake_cuda_end_capture(gpu.a.get()), kSuccess); }

  FakeCapture() { SetMode(kCaptureGlobal); }  // as a thread of the model has it
  ~FakeCapture() override { SetMode(kCaptureRelaxed); }
  void SetMode(int mode) const { EXPECT_EQ(api.ThreadExchangeStreamCaptureMode(&mode), kSuccess); }
};

TEST_F(FakeCapture, UnsafeCallsOfOtherThreadsSpoilAGlobalCapture) {
  CUdeviceptr memory = 0;
  void* host = nullptr;
  CUmodule module = nullptr;
  const Event event = gpu.MakeRecorded(gpu.b);
  alignas(4096) static unsigned char pages[4096];
  ExpectUnsafe("cuMemAlloc", [&] { return api.MemAlloc(&memory, 64); });
  ExpectUnsafe("cuMemFree", [&] { return api.MemFree(gpu.Device()); });
  ExpectUnsafe("cuMemHostAlloc", [&] { return api.MemHostAlloc(&host, 64, 0); });
  ExpectUnsafe("cuMemFreeHost", [&] { return api.MemFreeHost(gpu.Host()); });
  ExpectUnsafe("cuMemHostRegister", [&] { return api.MemHostRegister(pages, 4096, 0); });
  ExpectUnsafe("cuMemHostUnregister", [&] { return api.MemHostUnregister(pages); });
  ExpectUnsafe("cuEventQuery", [&] { return api.EventQuery(event.get()); });
  ExpectUnsafe("cuEventSynchronize", [&] { return api.EventSynchronize(event.get()); });
  ExpectUnsafe("cuStreamSynchronize", [&] { return api.StreamSynchronize(gpu.b.get()); });
  ExpectUnsafe("cuModuleLoadData", [&] { return api.ModuleLoadData(&module, ""); });
}

TEST_F(FakeCapture, ARelaxedThreadSpoilsNothing) {
  ASSERT_EQ(gpu.fake.fake_cuda_begin_capture(gpu.a.get(), kCaptureGlobal), kSuccess);
  Beside(kCaptureRelaxed, [&] {
    CUdeviceptr memory = 0;
    EXPECT_EQ(api.MemAlloc(&memory, 64), kSuccess);
    EXPECT_EQ(api.MemFree(memory), kSuccess);
    EXPECT_EQ(api.StreamSynchronize(gpu.b.get()), kSuccess);
  });
  EndWell();
}

TEST_F(FakeCapture, AScopedContextRelaxesItsThreadAndPutsTheModeBack) {
  ASSERT_EQ(gpu.fake.fake_cuda_begin_capture(gpu.a.get(), kCaptureGlobal), kSuccess);
  std::thread([&] {
    {
      const ScopedContext current(*gpu.context);
      EXPECT_TRUE(AllocateDevice(gpu.context, 64).ok());
    }
    int mode = kCaptureRelaxed;
    EXPECT_EQ(api.ThreadExchangeStreamCaptureMode(&mode), kSuccess);
    EXPECT_EQ(mode, kCaptureGlobal);
  }).join();
  EndWell();
}

TEST_F(FakeCapture, CopiesAndRecordsBesideACaptureAreSafe) {
  ASSERT_EQ(gpu.fake.fake_cuda_begin_capture(gpu.a.get(), kCaptureGlobal), kSuccess);
  Beside(kCaptureGlobal, [&] {
    EXPECT_EQ(api.MemcpyHtoDAsync(gpu.Device(), gpu.Host(), 64, gpu.b.get()), kSuccess);
    const Event event = gpu.MakeRecorded(gpu.b);
    EXPECT_EQ(api.StreamWaitEvent(gpu.b.get(), event.get(), 0), kSuccess);
  });
  EndWell();
  gpu.Await(gpu.b);
}

TEST_F(FakeCapture, ThreadLocalAndRelaxedCapturesBindTheirOwnThread) {
  ASSERT_EQ(gpu.fake.fake_cuda_begin_capture(gpu.a.get(), kCaptureThreadLocal), kSuccess);
  Beside(kCaptureGlobal, [&] { EXPECT_EQ(api.StreamSynchronize(gpu.b.get()), kSuccess); });
  EXPECT_EQ(api.StreamSynchronize(gpu.b.get()), kErrorStreamCaptureUnsupported);
  EXPECT_EQ(gpu.fake.fake_cuda_end_capture(gpu.a.get()), kErrorStreamCaptureInvalidated);

  ASSERT_EQ(gpu.fake.fake_cuda_begin_capture(gpu.a.get(), kCaptureRelaxed), kSuccess);
  EXPECT_EQ(api.StreamSynchronize(gpu.b.get()), kSuccess);
  EndWell();
}

TEST_F(FakeCapture, WhatIsCapturedDoesNotRun) {
  int status = -1;
  ASSERT_EQ(gpu.fake.fake_cuda_begin_capture(gpu.a.get(), kCaptureGlobal), kSuccess);
  EXPECT_EQ(api.StreamIsCapturing(gpu.a.get(), &status), kSuccess);
  EXPECT_EQ(status, kCaptureActive);
  EXPECT_EQ(api.StreamIsCapturing(gpu.b.get(), &status), kSuccess);
  EXPECT_EQ(status, kCaptureNone);
  EXPECT_EQ(api.MemsetD8Async(gpu.Device(), 1, 64, gpu.a.get()), kSuccess);
  EXPECT_TRUE(gpu.fake.Pending().empty());
  EndWell();
  EXPECT_EQ(api.StreamIsCapturing(gpu.a.get(), &status), kSuccess);
  EXPECT_EQ(status, kCaptureNone);
}

TEST_F(FakeCapture, ACapturedEventDrawsAStreamIn) {
  const Event event = MakeEvent(gpu.context).value();
  int status = -1;
  ASSERT_EQ(gpu.fake.fake_cuda_begin_capture(gpu.a.get(), kCaptureRelaxed), kSuccess);
  ASSERT_EQ(api.EventRecord(event.get(), gpu.a.get()), kSuccess);
  ASSERT_EQ(api.StreamWaitEvent(gpu.b.get(), event.get(), 0), kSuccess);
  EXPECT_EQ(api.StreamIsCapturing(gpu.b.get(), &status), kSuccess);
  EXPECT_EQ(status, kCaptureActive);
  EXPECT_EQ(api.EventQuery(event.get()), kErrorCapturedEvent);
  EXPECT_EQ(api.StreamIsCapturing(gpu.b.get(), &status), kSuccess);
  EXPECT_EQ(status, kCaptureInvalidated);
  EXPECT_EQ(gpu.fake.fake_cuda_end_capture(gpu.a.get()), kErrorStreamCaptureInvalidated);
}

TEST_F(FakeCapture, WaitingForWorkOutsideSpoilsIt) {
  const Event outside = gpu.MakeRecorded(gpu.b);
  ASSERT_EQ(gpu.fake.fake_cuda_begin_capture(gpu.a.get(), kCaptureGlobal), kSuccess);
  EXPECT_EQ(api.StreamWaitEvent(gpu.a.get(), outside.get(), 0), kErrorStreamCaptureIsolation);
  EXPECT_EQ(gpu.fake.fake_cuda_end_capture(gpu.a.get()), kErrorStreamCaptureInvalidated);
}

TEST_F(FakeCapture, StreamZeroBesideABlockingCapture) {
  CUstream blocking = nullptr;
  int status = -1;
  ASSERT_EQ(api.StreamCreateWithPriority(&blocking, 0, 0), kSuccess);
  ASSERT_EQ(gpu.fake.fake_cuda_begin_capture(blocking, kCaptureRelaxed), kSuccess);
  EXPECT_EQ(api.StreamIsCapturing(nullptr, &status), kErrorStreamCaptureImplicit);
  EXPECT_EQ(gpu.fake.fake_cuda_end_capture(blocking), kSuccess);
  ASSERT_EQ(gpu.fake.fake_cuda_begin_capture(blocking, kCaptureRelaxed), kSuccess);
  EXPECT_EQ(api.MemsetD8Async(gpu.Device(), 1, 64, nullptr), kErrorStreamCaptureImplicit);
  EXPECT_EQ(gpu.fake.fake_cuda_end_capture(blocking), kErrorStreamCaptureInvalidated);
  EXPECT_EQ(api.StreamDestroy(blocking), kSuccess);
}

}  // namespace
}  // namespace pega::cuda
