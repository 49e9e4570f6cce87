// pega.h on a GPU, under the fake driver: libcuda.so.1 is found because the fake is there already.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "c/pega_fixture.h"
#include "cuda/fake_driver.h"

namespace pega {
namespace {

using cuda::CUcontext;
using cuda::CUdeviceptr;
using cuda::CUstream;

constexpr std::uint64_t kMemoryBytes = 2 * 65536;

class PegaCuda : public PegaTest {
 protected:
  void SetUp() override {
    const cuda::DriverApi& api = fake_.api();
    ASSERT_EQ(api.DevicePrimaryCtxRetain(&context_, 0), cuda::kSuccess);
    ASSERT_EQ(api.CtxSetCurrent(context_), cuda::kSuccess);
    ASSERT_EQ(api.MemAlloc(&address_, kMemoryBytes), cuda::kSuccess);
    ASSERT_EQ(api.StreamCreateWithPriority(&stream_, cuda::kStreamNonBlocking, 0), cuda::kSuccess);
    bytes_ = static_cast<std::uint8_t*>(fake_.fake_cuda_bytes(address_));
    memory_handle_ = Open();
  }
  void TearDown() override {
    EXPECT_EQ(pega_transfer_close(transfer_), PEGA_OK);
    EXPECT_EQ(pega_memory_close(memory_handle_), PEGA_OK);
    const cuda::DriverApi& api = fake_.api();
    EXPECT_EQ(api.StreamDestroy(stream_), cuda::kSuccess);
    EXPECT_EQ(api.MemFree(address_), cuda::kSuccess);
    EXPECT_EQ(api.CtxSetCurrent(nullptr), cuda::kSuccess);
    EXPECT_EQ(api.DevicePrimaryCtxRelease(0), cuda::kSuccess);
  }
  // PegaTest::Shape in the GPU's memory.
  pega_transfer_options GpuShape() {
    pega_transfer_options shape = Shape();
    allocations_ = {{address_, kMemoryBytes}};
    shape.allocations = allocations_.data();
    shape.device = PEGA_ON_CUDA;
    shape.uncalibrated = 1;
    return shape;
  }
  // And until its slabs are registered.
  void OpenTransfer() {
    const pega_transfer_options shape = GpuShape();
    ASSERT_EQ(pega_transfer_create(memory_handle_, &shape, &transfer_), PEGA_OK)
        << pega_last_message();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (std::uint32_t slabs = 0; slabs < 2;) {
      ASSERT_EQ(pega_transfer_slabs_ready(transfer_, &slabs), PEGA_OK);
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "slabs are not registered";
      std::this_thread::yield();
    }
  }
  std::uint64_t Submit(const pega_job& job) {
    std::uint64_t id = 0;
    EXPECT_EQ(pega_transfer_submit(transfer_, &job, &id), PEGA_OK) << pega_last_message();
    return id;
  }
  int WaitAndForget(std::uint64_t id) {
    const int code = pega_transfer_wait(transfer_, id, 0, kSoonMs);
    EXPECT_EQ(pega_transfer_forget(transfer_, id), PEGA_OK);
    return code;
  }
  std::uint64_t stream() const { return reinterpret_cast<std::uint64_t>(stream_); }
  void SetBlock(std::uint32_t block, std::uint8_t value) {
    for (const std::uint64_t layer : {0U, 65536U}) {
      std::fill_n(bytes_ + layer + block * 8192, 8192, value);
    }
  }
  bool BlockIs(std::uint32_t block, std::uint8_t value) const {
    const auto all = [&](const std::uint8_t* from) {
      return std::all_of(from, from + 8192, [&](std::uint8_t byte) { return byte == value; });
    };
    return all(bytes_ + block * 8192) && all(bytes_ + 65536 + block * 8192);
  }

  cuda::FakeDriver fake_;
  CUcontext context_ = nullptr;
  CUdeviceptr address_ = 0;
  CUstream stream_ = nullptr;
  std::uint8_t* bytes_ = nullptr;
  pega_memory* memory_handle_ = nullptr;
  pega_transfer* transfer_ = nullptr;
};

TEST_F(PegaCuda, CopiesBehindAStreamAndHoldsItUntilTheyAreThere) {
  OpenTransfer();
  const std::vector<std::uint32_t> from = {3};
  const std::vector<std::uint32_t> into = {5};
  const std::vector<pega_slot> slots = {{1, 8}};
  const std::uint64_t stream_now = stream();
  const cuda::DriverApi& api = fake_.api();

  fake_.fake_cuda_hold(stream_);
  ASSERT_EQ(api.MemsetD8Async(address_ + 3 * 8192, 7, 8192, stream_), cuda::kSuccess);
  ASSERT_EQ(api.MemsetD8Async(address_ + 65536 + 3 * 8192, 7, 8192, stream_), cuda::kSuccess);
  pega_job job = Job(PEGA_STORE, from, slots);
  job.after_stream = &stream_now;
  std::uint64_t id = Submit(job);
  EXPECT_EQ(pega_transfer_wait(transfer_, id, 0, 20), PEGA_TIMEOUT) << "before it was computed";
  fake_.fake_cuda_release(stream_);
  EXPECT_EQ(WaitAndForget(id), PEGA_OK) << pega_last_message();

  job = Job(PEGA_LOAD_SYNC, into, slots);
  id = Submit(job);
  EXPECT_EQ(pega_transfer_stream_wait(transfer_, id, 0, stream()), PEGA_OK) << pega_last_message();
  EXPECT_EQ(pega_transfer_stream_wait(transfer_, id, 1, stream()), PEGA_INVALID_ARGUMENT);
  ASSERT_EQ(api.StreamSynchronize(stream_), cuda::kSuccess);
  EXPECT_TRUE(BlockIs(5, 7));
  EXPECT_EQ(WaitAndForget(id), PEGA_OK);
}

TEST_F(PegaCuda, SaysWhatItTakesAndWhatItDid) {
  OpenTransfer();
  int possible = 0;
  EXPECT_EQ(pega_transfer_sync_possible(transfer_, &possible), PEGA_OK);
  EXPECT_EQ(possible, 1);
  const std::vector<std::uint32_t> blocks = {3, 6};
  const std::vector<pega_slot> slots = {{1, 8}, {0, 4}};
  SetBlock(3, 9);
  EXPECT_EQ(WaitAndForget(Submit(Job(PEGA_STORE, blocks, slots))), PEGA_OK);
  EXPECT_EQ(WaitAndForget(Submit(Job(PEGA_LOAD_SYNC, blocks, slots))), PEGA_OK);
  pega_transfer_stats stats{};
  stats.struct_bytes = sizeof(stats);
  ASSERT_EQ(pega_transfer_get_stats(transfer_, &stats), PEGA_OK);
  EXPECT_EQ(stats.staged_bytes_total + stats.direct_bytes_total, 65536U);
  EXPECT_EQ(stats.staging_bytes, std::uint64_t{64} << 20);
  EXPECT_GE(stats.device_bytes, stats.staging_bytes);
  EXPECT_EQ(stats.registered_bytes, 2 * kSlabBytes);
  EXPECT_EQ(stats.slabs_registered, 2U);
  EXPECT_EQ(stats.slab_code, PEGA_OK);
  EXPECT_GT(stats.driver_calls_total, 0U);
  EXPECT_GT(stats.submit_ns_total, 0U);
  std::uint32_t ends[2] = {};
  std::uint64_t count = 0;
  ASSERT_EQ(
      pega_transfer_fit_groups(transfer_, blocks.data(), slots.data(), 2, 1, 500, ends, &count),
      PEGA_OK);
  EXPECT_EQ(count, 1U) << "groups this small are one";
  EXPECT_EQ(ends[0], 2U);
  ASSERT_EQ(pega_transfer_fit_groups(transfer_, blocks.data(), slots.data(), 2, 1, 1, ends, &count),
            PEGA_OK);
  EXPECT_EQ(count, 0U) << "nothing is copied with one call";
}

TEST_F(PegaCuda, AFailedCallOfTheDriverIsTheJobsFailure) {
  OpenTransfer();
  const std::vector<std::uint32_t> blocks = {3};
  const std::vector<pega_slot> slots = {{1, 8}};
  for (const char* call : {"cuMemcpyHtoDAsync_v2", "cuMemcpy2DAsync_v2", "cuLaunchKernel"}) {
    fake_.fake_cuda_fail(call, 1, cuda::kErrorInvalidValue, 0);
  }
  const std::uint64_t id = Submit(Job(PEGA_LOAD_SYNC, blocks, slots));
  EXPECT_EQ(pega_transfer_stream_wait(transfer_, id, 0, stream()), PEGA_DEVICE);
  EXPECT_EQ(WaitAndForget(id), PEGA_DEVICE);
  EXPECT_NE(std::string(pega_last_message()).find("CUDA_ERROR_INVALID_VALUE (1)"),
            std::string::npos)
      << pega_last_message();
}

TEST_F(PegaCuda, RefusesWhatIsNotOnThatGpu) {
  pega_transfer_options shape = GpuShape();
  shape.device_ordinal = 9;
  EXPECT_EQ(pega_transfer_create(memory_handle_, &shape, &transfer_), PEGA_INVALID_ARGUMENT)
      << pega_last_message();
  shape = GpuShape();
  allocations_[0].address = reinterpret_cast<std::uint64_t>(memory_.data());
  EXPECT_EQ(pega_transfer_create(memory_handle_, &shape, &transfer_), PEGA_INVALID_ARGUMENT)
      << pega_last_message();
  shape = GpuShape();
  shape.device = 2;
  EXPECT_EQ(pega_transfer_create(memory_handle_, &shape, &transfer_), PEGA_INVALID_ARGUMENT);
  fake_.fake_cuda_fail("cuMemAlloc_v2", 1, cuda::kErrorOutOfMemory, 0);
  shape = GpuShape();
  EXPECT_EQ(pega_transfer_create(memory_handle_, &shape, &transfer_), PEGA_NO_SPACE);
  EXPECT_EQ(transfer_, nullptr);
}

TEST_F(PegaCuda, ASlabThatCantBeRegisteredIsToldWithItsCause) {
  fake_.fake_cuda_fail("cuMemHostRegister_v2", 1, cuda::kErrorOutOfMemory, 0);
  const pega_transfer_options shape = GpuShape();
  ASSERT_EQ(pega_transfer_create(memory_handle_, &shape, &transfer_), PEGA_OK)
      << pega_last_message();
  pega_transfer_stats stats{};
  stats.struct_bytes = sizeof(stats);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (stats.slab_code == PEGA_OK) {
    ASSERT_EQ(pega_transfer_get_stats(transfer_, &stats), PEGA_OK);
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the failure is not told";
  }
  EXPECT_NE(std::string(pega_last_message()).find("cuMemHostRegister"), std::string::npos);
  EXPECT_EQ(stats.slabs_registered, 0U);
  const std::vector<std::uint32_t> blocks = {3};
  const std::vector<pega_slot> slots = {{0, 0}};
  EXPECT_NE(WaitAndForget(Submit(Job(PEGA_LOAD_ASYNC, blocks, slots))), PEGA_OK);
}

}  // namespace
}  // namespace pega
