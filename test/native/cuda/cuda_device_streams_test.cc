// The CUDA device keeps order with a compute stream: copies begin behind what it was given, and it
// goes on only when a load's bytes are there; nobody waits on a thread for either.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "cuda/device_world.h"
#include "shared/seeds.h"

namespace pega::cuda {
namespace {

class CudaDeviceStreams : public testing::TestWithParam<int> {
 protected:
  // Computation: the model's stream writes all of the first allocation, or reads it.
  void Compute(DeviceWorld& world, CUstream stream, void* host, bool writes) {
    const ScopedContext current(*world.context());
    const std::size_t bytes = world.shape().memory()[0].size();
    const CUdeviceptr at = world.addresses()[0];
    const DriverApi& api = fake_.api();
    ASSERT_EQ(writes ? api.MemcpyHtoDAsync(at, host, bytes, stream)
                     : api.MemcpyDtoHAsync(host, at, bytes, stream),
              kSuccess);
  }
  Stream MakeComputeStream(DeviceWorld& world) {
    const ScopedContext current(*world.context());
    return MakeStream(world.context(), false).value();
  }
  HostMemory MakeHost(DeviceWorld& world) {
    const ScopedContext current(*world.context());
    return AllocateHost(world.context(), world.shape().memory()[0].size()).value();
  }

  FakeDriver fake_{FakeDriver::kStrict + (",seed=" + std::to_string(GetParam()))};
  std::mt19937_64 random_{static_cast<std::uint64_t>(GetParam()) + 1000};
};

TEST_P(CudaDeviceStreams, AStoreBeginsBehindTheComputationBeforeIt) {
  DeviceWorld world(fake_, random_);
  ASSERT_NO_FATAL_FAILURE(world.Open());
  const Stream compute = MakeComputeStream(world);
  const HostMemory host = MakeHost(world);
  const std::vector<BlockCopy> blocks = world.SomeBlocks();
  world.shape().Scramble();  // what the computation is going to write
  for (std::size_t i = 1; i < world.addresses().size(); ++i) {
    std::memcpy(fake_.fake_cuda_bytes(world.addresses()[i]), world.shape().memory()[i].data(),
                world.shape().memory()[i].size());
  }
  std::memcpy(host.get(), world.shape().memory()[0].data(), world.shape().memory()[0].size());
  fake_.fake_cuda_hold(compute.get());
  ASSERT_NO_FATAL_FAILURE(Compute(world, compute.get(), host.get(), true));
  const auto stream = reinterpret_cast<std::uint64_t>(compute.get());
  auto after = world.engine().Mark(stream);
  ASSERT_TRUE(after.ok()) << after.status().message();
  const auto job = world.engine().Submit(
      {.kind = JobKind::kStore, .blocks = blocks, .after = std::move(after).value()});
  ASSERT_TRUE(job.ok());
  EXPECT_EQ(world.engine().WaitGroup(job.value(), 0, std::chrono::milliseconds(2)).code(),
            Code::kTimeout);
  fake_.fake_cuda_release(compute.get());
  ASSERT_TRUE(world.engine().WaitGroup(job.value(), 0, std::chrono::seconds(60)).ok());
  for (const BlockCopy& block : blocks) {
    ASSERT_EQ(world.InSlot(block.slot), world.shape().SlotOf(block.device_block));
  }
}

TEST_P(CudaDeviceStreams, ComputationGoesOnWhenTheLoadHasEnded) {
  DeviceWorld world(fake_, random_);
  ASSERT_NO_FATAL_FAILURE(world.Open());
  const Stream compute = MakeComputeStream(world);
  const HostMemory host = MakeHost(world);
  const std::vector<BlockCopy> blocks = world.SomeBlocks();
  for (const BlockCopy& block : blocks) {
    const Bytes slot = world.RandomSlot();
    world.PutSlot(block.slot, slot);
    world.shape().PutSlot(block.device_block, slot, world.shape().memory());
  }
  fake_.fake_cuda_hold_all();
  const auto stream = reinterpret_cast<std::uint64_t>(compute.get());
  auto after = world.engine().Mark(stream);
  ASSERT_TRUE(after.ok()) << after.status().message();
  const std::vector<std::uint32_t> groups = world.SomeGroups();
  const auto job = world.engine().Submit({.kind = JobKind::kLoadSync,
                                          .blocks = blocks,
                                          .group_ends = groups,
                                          .after = std::move(after).value()});
  ASSERT_TRUE(job.ok());
  for (std::uint32_t group = 0; group < groups.size(); ++group) {
    const Status held = world.engine().HoldStream(job.value(), group, stream);
    ASSERT_TRUE(held.ok()) << held.message();
  }
  ASSERT_NO_FATAL_FAILURE(Compute(world, compute.get(), host.get(), false));
  fake_.fake_cuda_release_all();
  {
    const ScopedContext current(*world.context());
    ASSERT_EQ(fake_.api().StreamSynchronize(compute.get()), kSuccess);
  }
  EXPECT_EQ(std::memcmp(host.get(), world.shape().memory()[0].data(),
                        world.shape().memory()[0].size()),
            0);
}

TEST_P(CudaDeviceStreams, AStreamUnderCaptureIsNotMarked) {
  DeviceWorld world(fake_, random_);
  ASSERT_NO_FATAL_FAILURE(world.Open());
  const Stream compute = MakeComputeStream(world);
  const ScopedContext current(*world.context());
  fake_.fake_cuda_begin_capture(compute.get(), kCaptureGlobal);
  EXPECT_EQ(world.engine().Mark(reinterpret_cast<std::uint64_t>(compute.get())).status().code(),
            Code::kUnsupported);
  // Copies that wait for nothing of it go on beside the capture, and don't spoil it.
  EXPECT_TRUE(world.Run(JobKind::kStore, world.SomeBlocks()).ok());
  EXPECT_TRUE(world.Run(JobKind::kLoadSync, world.SomeBlocks()).ok());
  EXPECT_EQ(fake_.fake_cuda_end_capture(compute.get()), kSuccess);
}

INSTANTIATE_TEST_SUITE_P(Seeds, CudaDeviceStreams, testing::Range(1, 1 + Seeds(5, 100)));

}  // namespace
}  // namespace pega::cuda
