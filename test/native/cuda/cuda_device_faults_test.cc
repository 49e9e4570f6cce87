// What the CUDA device does when the driver or the pool fails: the job ends with the cause, nothing
// else is harmed, and nothing of a failed job runs on behind its end.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "cuda/device_world.h"

namespace pega::cuda {
namespace {

class CudaDeviceFaults : public testing::Test {
 protected:
  static CudaDeviceOptions Staged() {
    CudaDeviceOptions options = DeviceWorld::Options();
    options.plan = PlanChoice::kStaged;
    options.staging_bytes = std::uint64_t{64} << 10;  // several chunks
    return options;
  }
  void Fail(const char* function, unsigned n, CUresult result, unsigned times = 1) {
    fake_.fake_cuda_fail(function, n, result, times);
  }
  void ForgetFaults() { fake_.fake_cuda_forget_faults(); }
  FakeDriver fake_;
  std::mt19937_64 random_{11};
};

// Whichever call fails, once: the job says so or ends well, and the next one is right.
TEST_F(CudaDeviceFaults, AnyCallMayFail) {
  DeviceWorld world(fake_, random_);
  ASSERT_NO_FATAL_FAILURE(world.Open(Staged()));
  const std::vector<BlockCopy> blocks = world.SomeBlocks();
  int failures = 0;
  for (const char* function : {"cuMemcpy2DAsync_v2", "cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2",
                               "cuLaunchKernel", "cuEventRecord", "cuStreamWaitEvent"}) {
    for (const JobKind kind : {JobKind::kLoadSync, JobKind::kLoadAsync, JobKind::kStore}) {
      for (unsigned n = 1; n <= 4; ++n) {
        Fail(function, n, kErrorInvalidValue);
        const Status status = world.Run(kind, blocks);
        if (!status.ok()) {
          ++failures;
          EXPECT_EQ(status.code(), Code::kDevice) << status.message();
        }
        ForgetFaults();
        world.ToGpu();
        ASSERT_TRUE(world.Run(JobKind::kStore, blocks).ok());
        for (const BlockCopy& block : blocks) {
          ASSERT_EQ(world.InSlot(block.slot), world.shape().SlotOf(block.device_block));
        }
        ASSERT_TRUE(world.Run(JobKind::kLoadSync, blocks, world.SomeGroups()).ok());
        ASSERT_EQ(world.OnGpu(), world.shape().memory());
      }
    }
  }
  EXPECT_GT(failures, 20);
}

TEST_F(CudaDeviceFaults, AnErrorThatEndsTheContextEndsAllJobsWithItsCause) {
  DeviceWorld world(fake_, random_);
  ASSERT_NO_FATAL_FAILURE(world.Open(Staged()));
  const std::vector<BlockCopy> blocks = world.SomeBlocks();
  for (const char* kernel : {"pega_scatter_16", "pega_scatter_4", "pega_scatter_1"}) {
    fake_.fake_cuda_fail_execution(kernel, 1, kErrorIllegalAddress);
  }
  for (int i = 0; i < 3; ++i) {
    for (const JobKind kind : {JobKind::kLoadSync, JobKind::kLoadAsync, JobKind::kStore}) {
      const Status status = world.Run(kind, blocks);
      EXPECT_EQ(status.code(), Code::kDevice) << status.message();
      EXPECT_NE(status.message().find("CUDA_ERROR_ILLEGAL_ADDRESS"), std::string::npos)
          << status.message();
    }
  }
}

TEST_F(CudaDeviceFaults, ASlabThatCannotBeRegisteredFailsItsJobsAlone) {
  DeviceWorld world(fake_, random_);
  Fail("cuMemHostRegister_v2", 2, kErrorOutOfMemory);  // of slab 0
  auto made = world.MakeDevice(DeviceWorld::Options());
  ASSERT_TRUE(made.ok()) << made.status().message();
  const auto engine = TransferEngine::Create(std::move(made).value());
  const auto job = engine->Submit({.kind = JobKind::kStore, .blocks = {{0, {0, 0}}}});
  const Status failed = engine->WaitGroup(job.value(), 0, std::chrono::seconds(60));
  EXPECT_FALSE(failed.ok());
  EXPECT_NE(failed.code(), Code::kTimeout) << failed.message();
  const auto other = engine->Submit({.kind = JobKind::kStore, .blocks = {{0, {2, 0}}}});
  EXPECT_TRUE(engine->WaitGroup(other.value(), 0, std::chrono::seconds(60)).ok());
}

TEST_F(CudaDeviceFaults, ASynchronousLoadOfASlabThatIsNotRegisteredFailsAtOnce) {
  DeviceWorld world(fake_, random_);
  Fail("cuMemHostRegister_v2", 1, kErrorOutOfMemory, 0);
  auto made = world.MakeDevice(DeviceWorld::Options());
  ASSERT_TRUE(made.ok()) << made.status().message();
  const auto engine = TransferEngine::Create(std::move(made).value());
  const auto job = engine->Submit({.kind = JobKind::kLoadSync, .blocks = {{0, {1, 0}}}});
  const Status failed = engine->WaitGroup(job.value(), 0, std::chrono::seconds(60));
  EXPECT_FALSE(failed.ok());
  EXPECT_NE(failed.code(), Code::kTimeout) << failed.message();
}

TEST_F(CudaDeviceFaults, ASlabThatWasCutShortIsNotBelieved) {
  DeviceWorld world(fake_, random_);
  ASSERT_NO_FATAL_FAILURE(world.Open());
  ASSERT_EQ(::truncate(world.pool().SlabPath(0).c_str(), 4096), 0);
  EXPECT_EQ(world.Run(JobKind::kStore, {{0, {0, 0}}}).code(), Code::kSlabChanged);
  EXPECT_EQ(world.Run(JobKind::kLoadSync, {{0, {0, 0}}}).code(), Code::kSlabChanged);
  EXPECT_TRUE(world.Run(JobKind::kStore, {{0, {1, 0}}}).ok());
}

TEST_F(CudaDeviceFaults, TakesLessStagingWhereTheGpuIsFull) {
  DeviceWorld world(fake_, random_);
  Fail("cuMemAlloc_v2", 1, kErrorOutOfMemory, 3);
  ASSERT_NO_FATAL_FAILURE(world.Open());
  EXPECT_EQ(world.device().stats().staging_bytes, std::uint64_t{8} << 20);
  EXPECT_FALSE(world.device().sync_loads_possible());
  EXPECT_TRUE(world.Run(JobKind::kStore, world.SomeBlocks()).ok());
}

TEST_F(CudaDeviceFaults, ASlotBeyondItsSlabIsRefused) {
  DeviceWorld world(fake_, random_);
  ASSERT_NO_FATAL_FAILURE(world.Open());
  const auto last = static_cast<std::uint32_t>(DeviceWorld::kSlabBytes / kPageBytes);
  EXPECT_EQ(world.Run(JobKind::kStore, {{0, {1, last}}}).code(), Code::kInvalidArgument);
  EXPECT_EQ(world.Run(JobKind::kLoadSync, {{0, {1, last}}}).code(), Code::kInvalidArgument);
}

TEST_F(CudaDeviceFaults, RefusesAGpuWithoutRoom) {
  DeviceWorld world(fake_, random_);
  Fail("cuMemAlloc_v2", 1, kErrorOutOfMemory, 0);
  EXPECT_EQ(world.MakeDevice(DeviceWorld::Options()).status().code(), Code::kNoSpace);
}

TEST_F(CudaDeviceFaults, RefusesMemoryThatIsNotTheGpus) {
  DeviceWorld world(fake_, random_);
  auto made = CudaDevice::Create(world.shape().Layout(), world.pool().OpenSlabs(),
                                 DeviceWorld::Options(), &fake_.api());
  EXPECT_EQ(made.status().code(), Code::kInvalidArgument) << made.status().message();
  CudaDeviceOptions options = DeviceWorld::Options();
  options.ordinal = 7;
  EXPECT_EQ(world.MakeDevice(options).status().code(), Code::kInvalidArgument);
}

TEST(CudaDeviceSupport, NamesAnOldDriverAndAnOldGpu) {
  for (const auto& [setting, word] : {std::pair<std::string, std::string>{",version=11080", "11.8"},
                                      {",capability=75", "7.x"}}) {
    FakeDriver fake(FakeDriver::kStrict + setting);
    std::mt19937_64 random(3);
    DeviceWorld world(fake, random);
    const Status refused = world.MakeDevice(DeviceWorld::Options()).status();
    EXPECT_EQ(refused.code(), Code::kUnsupported);
    EXPECT_NE(refused.message().find(word), std::string::npos) << refused.message();
  }
}

// Any call while opening may fail: an error, no crash, and everything is given back.
TEST_F(CudaDeviceFaults, OpeningMayFailAnywhere) {
  DeviceWorld world(fake_, random_);
  const std::vector<std::string> open_before = fake_.Open();
  for (const char* function :
       {"cuMemAlloc_v2", "cuMemHostAlloc", "cuStreamCreateWithPriority", "cuEventCreate",
        "cuModuleLoadData", "cuModuleGetFunction", "cuCtxGetStreamPriorityRange",
        "cuPointerGetAttribute"}) {
    for (unsigned n = 1; n <= 8; ++n) {
      Fail(function, n, kErrorUnknown - 1, 0);
      (void)world.MakeDevice(DeviceWorld::Options());
      ForgetFaults();
      EXPECT_EQ(fake_.Open(), open_before) << function << " " << n;
    }
  }
}

}  // namespace
}  // namespace pega::cuda
