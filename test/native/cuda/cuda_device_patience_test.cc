// What the CUDA device bears: a server that stops, a computation that takes long, a query that
// fails. It tells an end when there is one, and holds nobody up meanwhile.
#include <gtest/gtest.h>
#include <unistd.h>

#include <random>
#include <string>
#include <vector>

#include "cuda/device_world.h"

namespace pega::cuda {
namespace {

class CudaDevicePatience : public testing::Test {
 protected:
  FakeDriver fake_;
  std::mt19937_64 random_{21};
};

// A server that stops removes its slabs' paths. What was granted before is still in the files that
// are open here: a synchronous load must not fail for it.
TEST_F(CudaDevicePatience, ASlabWhosePathIsGoneIsStillRead) {
  DeviceWorld world(fake_, random_);
  ASSERT_NO_FATAL_FAILURE(world.Open());
  const std::vector<BlockCopy> blocks = world.SomeBlocks();
  for (const BlockCopy& block : blocks) {
    const Bytes slot = world.RandomSlot();
    world.PutSlot(block.slot, slot);
    world.shape().PutSlot(block.device_block, slot, world.shape().memory());
  }
  for (std::uint32_t slab = 0; slab < DeviceWorld::kSlabs; ++slab) {
    ASSERT_EQ(::unlink(world.pool().SlabPath(slab).c_str()), 0);
  }
  for (const JobKind kind : {JobKind::kLoadSync, JobKind::kLoadAsync, JobKind::kStore}) {
    const Status status = world.Run(kind, blocks);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  EXPECT_EQ(world.OnGpu(), world.shape().memory());
}

TEST_F(CudaDevicePatience, LooksSeldomWhileAStoreWaitsForComputation) {
  DeviceWorld world(fake_, random_);
  ASSERT_NO_FATAL_FAILURE(world.Open());
  Stream compute;
  HostMemory host;
  {
    const ScopedContext current(*world.context());
    host = AllocateHost(world.context(), 4096).value();
    compute = MakeStream(world.context(), false).value();
    fake_.fake_cuda_hold(compute.get());
    ASSERT_EQ(fake_.api().MemcpyHtoDAsync(world.addresses()[0], host.get(), 1, compute.get()),
              kSuccess);
  }
  auto after = world.engine().Mark(reinterpret_cast<std::uint64_t>(compute.get()));
  ASSERT_TRUE(after.ok());
  const auto job = world.engine().Submit(
      {.kind = JobKind::kStore, .blocks = world.SomeBlocks(), .after = std::move(after).value()});
  ASSERT_TRUE(job.ok());
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const unsigned long long before = fake_.fake_cuda_calls("cuEventQuery");
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const unsigned long long looks = fake_.fake_cuda_calls("cuEventQuery") - before;
  EXPECT_LT(looks, 10000u);
  fake_.fake_cuda_release(compute.get());
  EXPECT_TRUE(world.engine().WaitGroup(job.value(), 0, std::chrono::seconds(60)).ok());
}

// The caller goes on at once, also where a group could not be given and what was given of the load
// waits for computation.
TEST_F(CudaDevicePatience, AStreamIsNotHeldForAGroupThatCouldNotBeGiven) {
  DeviceWorld world(fake_, random_);
  CudaDeviceOptions options = DeviceWorld::Options();
  options.plan = PlanChoice::kStaged;
  ASSERT_NO_FATAL_FAILURE(world.Open(options));
  Stream compute;
  {
    const ScopedContext current(*world.context());
    compute = MakeStream(world.context(), false).value();
  }
  fake_.fake_cuda_hold_all();
  fake_.fake_cuda_fail("cuLaunchKernel", 1, kErrorInvalidValue, 1);
  const auto job =
      world.engine().Submit({.kind = JobKind::kLoadSync, .blocks = world.SomeBlocks()});
  ASSERT_TRUE(job.ok());
  const auto stream = reinterpret_cast<std::uint64_t>(compute.get());
  EXPECT_EQ(world.engine().HoldStream(job.value(), 0, stream).code(), Code::kDevice);
  EXPECT_EQ(world.engine().WaitGroup(job.value(), 0, std::chrono::milliseconds(0)).code(),
            Code::kTimeout);
  fake_.fake_cuda_release_all();
  EXPECT_EQ(world.engine().WaitGroup(job.value(), 0, std::chrono::seconds(60)).code(),
            Code::kDevice);
}

// Only what the driver says to be dead is dead: a job has not ended while a copy of it may run.
TEST_F(CudaDevicePatience, AQueryThatFailsIsNoEnd) {
  DeviceWorld world(fake_, random_);
  ASSERT_NO_FATAL_FAILURE(world.Open());
  fake_.fake_cuda_hold_all();
  fake_.fake_cuda_fail("cuEventQuery", 1, kErrorInvalidValue, 1);
  const auto job = world.engine().Submit({.kind = JobKind::kStore, .blocks = world.SomeBlocks()});
  ASSERT_TRUE(job.ok());
  const Status early = world.engine().WaitGroup(job.value(), 0, std::chrono::milliseconds(50));
  EXPECT_EQ(early.code(), Code::kTimeout) << early.message();
  fake_.fake_cuda_release_all();
  EXPECT_NE(world.engine().WaitGroup(job.value(), 0, std::chrono::seconds(60)).code(),
            Code::kTimeout);
}

TEST_F(CudaDevicePatience, AJobForASlabThatNobodyPublishedEnds) {
  DeviceWorld world(fake_, random_);
  ASSERT_NO_FATAL_FAILURE(world.Open());
  for (const JobKind kind : {JobKind::kStore, JobKind::kLoadAsync, JobKind::kLoadSync}) {
    EXPECT_EQ(world.Run(kind, {{0, {7, 0}}}).code(), Code::kNotFound);
  }
  const auto job = world.engine().Submit({.kind = JobKind::kStore, .blocks = {{0, {9, 0}}}});
  world.Close();
}

}  // namespace
}  // namespace pega::cuda
