// The CUDA device moves the right bytes and no others: random layouts, slots, groups and plans on the
// fake driver, whose streams run late and in random order, and which finds races and misuse.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "cuda/device_world.h"
#include "shared/seeds.h"

namespace pega::cuda {
namespace {

class CudaDeviceBytes : public testing::TestWithParam<int> {
 protected:
  void RoundTrip(DeviceWorld& world, JobKind load) {
    for (int round = 0; round < 4; ++round) {
      const std::vector<BlockCopy> blocks = world.SomeBlocks();
      ASSERT_TRUE(world.Run(JobKind::kStore, blocks).ok());
      for (const BlockCopy& block : blocks) {
        ASSERT_EQ(world.InSlot(block.slot), world.shape().SlotOf(block.device_block));
      }
      ExpectLoad(world, load);
    }
  }
  // Slots get new bytes; after the load the GPU has them in these blocks and the old ones elsewhere.
  void ExpectLoad(DeviceWorld& world, JobKind kind) {
    const std::vector<BlockCopy> blocks = world.SomeBlocks();
    for (const BlockCopy& block : blocks) {
      const Bytes slot = world.RandomSlot();
      world.PutSlot(block.slot, slot);
      world.shape().PutSlot(block.device_block, slot, world.shape().memory());
    }
    const Status loaded = world.Run(kind, blocks, world.SomeGroups());
    ASSERT_TRUE(loaded.ok()) << loaded.message();
    ASSERT_EQ(world.OnGpu(), world.shape().memory());
  }

  FakeDriver fake_{FakeDriver::kStrict + (",seed=" + std::to_string(GetParam()))};
  std::mt19937_64 random_{static_cast<std::uint64_t>(GetParam())};
};

TEST_P(CudaDeviceBytes, StoresAndLoadsTheRightBytes) {
  DeviceWorld world(fake_, random_);
  CudaDeviceOptions options = DeviceWorld::Options();
  options.plan = static_cast<PlanChoice>(random_() % 3);
  ASSERT_NO_FATAL_FAILURE(world.Open(options));
  RoundTrip(world, random_() % 2 == 0 ? JobKind::kLoadSync : JobKind::kLoadAsync);
  const CudaDeviceStats stats = world.device().stats();
  EXPECT_GT(stats.driver_calls_total, 0U);
  EXPECT_EQ(stats.pins.slabs_ready, DeviceWorld::kSlabs);
  EXPECT_TRUE(options.plan != PlanChoice::kDirect || stats.staged_bytes_total == 0);
  EXPECT_TRUE(options.plan != PlanChoice::kStaged || stats.direct_bytes_total == 0);
}

// Chunks of 24 KiB for loads and 8 for stores: many of them, so that buffers are used again and again
// and copies run beside kernels; and rows that are longer than a chunk.
TEST_P(CudaDeviceBytes, WithLittleStagingToo) {
  DeviceWorld world(fake_, random_);
  CudaDeviceOptions options = DeviceWorld::Options();
  options.plan = PlanChoice::kStaged;
  options.staging_bytes = std::uint64_t{64} << 10;
  ASSERT_NO_FATAL_FAILURE(world.Open(options));
  RoundTrip(world, JobKind::kLoadAsync);
}

// All kinds at once, on blocks of their own: lanes share staging and the link.
TEST_P(CudaDeviceBytes, LoadsAndStoresBesideEachOther) {
  DeviceWorld world(fake_, random_);
  CudaDeviceOptions options = DeviceWorld::Options();
  options.staging_bytes = std::uint64_t{64} << 10;
  ASSERT_NO_FATAL_FAILURE(world.Open(options));
  std::vector<BlockCopy> blocks = world.SomeBlocks();
  std::vector<std::vector<BlockCopy>> thirds(3);
  for (std::size_t i = 0; i < blocks.size(); ++i) thirds[i % 3].push_back(blocks[i]);
  std::vector<JobId> jobs;
  for (const JobKind kind : {JobKind::kLoadSync, JobKind::kLoadAsync}) {
    for (const BlockCopy& block : thirds[static_cast<std::size_t>(kind)]) {
      const Bytes slot = world.RandomSlot();
      world.PutSlot(block.slot, slot);
      world.shape().PutSlot(block.device_block, slot, world.shape().memory());
    }
  }
  for (const JobKind kind : {JobKind::kStore, JobKind::kLoadAsync, JobKind::kLoadSync}) {
    const std::vector<BlockCopy>& own = thirds[static_cast<std::size_t>(kind)];
    if (own.empty()) continue;
    const auto job = world.engine().Submit({.kind = kind, .blocks = own});
    ASSERT_TRUE(job.ok()) << job.status().message();
    jobs.push_back(job.value());
  }
  for (const JobId job : jobs) {
    const Status ended = world.engine().WaitGroup(job, 0, std::chrono::seconds(60));
    EXPECT_TRUE(ended.ok()) << ended.message();
  }
  EXPECT_EQ(world.OnGpu(), world.shape().memory());
  for (const BlockCopy& block : thirds[static_cast<std::size_t>(JobKind::kStore)]) {
    EXPECT_EQ(world.InSlot(block.slot), world.shape().SlotOf(block.device_block));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, CudaDeviceBytes, testing::Range(1, 1 + Seeds(12, 200)));

}  // namespace
}  // namespace pega::cuda
