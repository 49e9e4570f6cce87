#include "transfer/transfer_engine.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/limits.h"
#include "transfer/transfer_engine_fixture.h"

namespace pega {
namespace {

TEST_F(TransferEngineTest, LoadsGroupsInLayerOrderAndEachCanBeWaitedFor) {
  Make(8, 1024, 100);
  control_->in_flight_max = {2, 2, 1};
  const JobId job = Submit(JobKind::kLoadSync, 10, {2, 4, 8});
  EXPECT_EQ(control_->started(), (Strings{"L0-2 ×10", "L2-4 ×10"}));
  EXPECT_EQ(engine_->WaitGroup(job, 0, 0ms).code(), Code::kTimeout);
  control_->End(JobKind::kLoadSync);
  EXPECT_EQ(control_->started(), (Strings{"L0-2 ×10", "L2-4 ×10", "L4-8 ×10"}));
  EXPECT_TRUE(engine_->WaitGroup(job, 0, 0ms).ok());
  EXPECT_EQ(engine_->WaitGroup(job, 1, 0ms).code(), Code::kTimeout);
  EXPECT_EQ(engine_->Poll(job).value().groups_done, 1U);
  EXPECT_FALSE(engine_->Poll(job).value().done);
  control_->EndAll();
  EXPECT_TRUE(engine_->WaitGroup(job, 2, 0ms).ok());
  EXPECT_TRUE(engine_->Poll(job).value().done);
  EXPECT_TRUE(engine_->Poll(job).value().status.ok());
  EXPECT_EQ(Ends(), (Strings{"1.0 PEGA_OK", "1.1 PEGA_OK", "1.2 PEGA_OK"}));
  EXPECT_EQ(engine_->WaitGroup(job, 3, 0ms).code(), Code::kInvalidArgument);
}

TEST_F(TransferEngineTest, CutsStoresIntoChunksOfWholeBlocks) {
  Make(4, kMiB / 2, 100);  // 2 MiB a block: 8 in 16 MiB
  Submit(JobKind::kStore, 20);
  control_->EndAll();
  EXPECT_EQ(control_->started(), (Strings{"S0-4 ×8", "S0-4 ×8", "S0-4 ×4"}));
  EXPECT_EQ(Ends(), (Strings{"1.0 PEGA_OK"}));
}

TEST_F(TransferEngineTest, ABlockBeyondTheChunkGoesAlone) {
  Make(3, 11 * kMiB, 10);
  Submit(JobKind::kStore, 2);
  control_->EndAll();
  EXPECT_EQ(control_->started(), (Strings{"S0-3 ×1", "S0-3 ×1"}));
}

TEST_F(TransferEngineTest, CutsGroupsOfAsynchronousLoadsToo) {
  Make(4, kMiB / 2, 100);
  const JobId job = Submit(JobKind::kLoadAsync, 20, {1, 4});
  EXPECT_EQ(control_->started(), (Strings{"A0-1 ×20"}));
  control_->End(JobKind::kLoadAsync);
  control_->End(JobKind::kLoadAsync);
  EXPECT_EQ(control_->started(), (Strings{"A0-1 ×20", "A1-4 ×10", "A1-4 ×10"}));
  EXPECT_EQ(engine_->Poll(job).value().groups_done, 1U);
  control_->EndAll();
  EXPECT_EQ(engine_->Poll(job).value().groups_done, 2U);
}

TEST_F(TransferEngineTest, LoadsGoBeforeStoresAndSynchronousOnesFirst) {
  Make(4, kMiB / 2, 100);
  Submit(JobKind::kStore, 24);                  // three chunks, one in flight
  Submit(JobKind::kLoadAsync, 8, {2, 4});       // goes beside it
  Submit(JobKind::kLoadSync, 8, {1, 2, 3, 4});  // before what the other has left
  EXPECT_EQ(control_->started(), (Strings{"S0-4 ×8", "A0-2 ×8", "L0-1 ×8"}));
  control_->End(JobKind::kStore);
  control_->End(JobKind::kLoadAsync);
  EXPECT_EQ(control_->started().size(), 3U) << "a synchronous load is waiting";
  control_->End(JobKind::kLoadSync);
  control_->End(JobKind::kLoadSync);
  EXPECT_EQ(control_->started().size(), 5U);
  control_->End(JobKind::kLoadSync);  // its last piece starts: nothing of it waits any more
  EXPECT_EQ(control_->started(), (Strings{"S0-4 ×8", "A0-2 ×8", "L0-1 ×8", "L1-2 ×8", "L2-3 ×8",
                                          "L3-4 ×8", "A2-4 ×8", "S0-4 ×8"}));
  control_->EndAll();
  EXPECT_EQ(control_->started().size(), 9U);
  EXPECT_EQ(engine_->stats().jobs_now, 0U);
}

TEST_F(TransferEngineTest, JobsOfAKindGoInTheOrderOfSubmission) {
  Make(2, 1024, 100);
  Submit(JobKind::kLoadAsync, 1, {1, 2});
  Submit(JobKind::kLoadAsync, 2);
  Submit(JobKind::kLoadAsync, 3);
  control_->EndAll();
  EXPECT_EQ(control_->started(), (Strings{"A0-1 ×1", "A1-2 ×1", "A0-2 ×2", "A0-2 ×3"}));
  EXPECT_EQ(Ends(), (Strings{"1.0 PEGA_OK", "1.1 PEGA_OK", "2.0 PEGA_OK", "3.0 PEGA_OK"}));
}

TEST_F(TransferEngineTest, AFailureEndsItsJobAlone) {
  Make(4, 1024, 100);
  control_->in_flight_max = {2, 2, 2};
  const JobId bad = Submit(JobKind::kLoadSync, 5, {1, 2, 3, 4});
  const JobId good = Submit(JobKind::kLoadSync, 7);
  control_->End(JobKind::kLoadSync);  // group 0
  control_->End(JobKind::kLoadSync, Status(Code::kSlabChanged, "slab 3 was truncated"));
  // Group 2 is still in flight: the job may not end before it.
  EXPECT_EQ(engine_->WaitGroup(bad, 1, 0ms).code(), Code::kTimeout);
  EXPECT_FALSE(engine_->Poll(bad).value().done);
  control_->End(JobKind::kLoadSync);
  EXPECT_TRUE(engine_->WaitGroup(bad, 0, 0ms).ok());
  for (std::uint32_t group = 1; group < 4; ++group) {
    EXPECT_EQ(engine_->WaitGroup(bad, group, 0ms).code(), Code::kSlabChanged);
  }
  EXPECT_EQ(engine_->Poll(bad).value().status.message(), "slab 3 was truncated");
  EXPECT_EQ(engine_->Poll(bad).value().groups_done, 1U);
  control_->EndAll();
  EXPECT_TRUE(engine_->WaitGroup(good, 0, 0ms).ok());
  EXPECT_EQ(control_->started(), (Strings{"L0-1 ×5", "L1-2 ×5", "L2-3 ×5", "L0-4 ×7"}));
  EXPECT_EQ(Ends(), (Strings{"1.0 PEGA_OK", "1.1 PEGA_SLAB_CHANGED", "1.2 PEGA_SLAB_CHANGED",
                            "1.3 PEGA_SLAB_CHANGED", "2.0 PEGA_OK"}));
  EXPECT_EQ(engine_->stats().failed_jobs_total, 1U);
  EXPECT_EQ(engine_->stats().load_jobs_total, 2U);
}

TEST_F(TransferEngineTest, RefusesBadJobsAndStartsNothing) {
  Make(4, 1024, 10);
  EXPECT_EQ(SubmitCode({.blocks = {}}), Code::kInvalidArgument);
  EXPECT_EQ(SubmitCode({.blocks = Blocks(1, 10)}), Code::kInvalidArgument);
  EXPECT_EQ(SubmitCode({.blocks = std::vector<BlockCopy>(kBlocksPerJobMax + 1)}),
            Code::kInvalidArgument);
  for (const std::vector<std::uint32_t>& groups :
       {std::vector<std::uint32_t>{0, 4}, {2, 2, 4}, {3, 2, 4}, {1, 5}, {1, 3}}) {
    EXPECT_EQ(SubmitCode({.blocks = Blocks(1), .group_ends = groups}), Code::kInvalidArgument);
  }
  EXPECT_EQ(SubmitCode({.kind = JobKind::kStore, .blocks = Blocks(1), .group_ends = {2, 4}}),
            Code::kInvalidArgument);
  const auto refused = engine_->Submit({.blocks = Blocks(3, 8)});
  EXPECT_EQ(refused.status().message(), "block 2 is device block 10 of 10");
  EXPECT_TRUE(control_->started().empty());
  EXPECT_EQ(engine_->stats().jobs_now, 0U);
}

TEST_F(TransferEngineTest, ForgetsReportsNowOrAtTheEnd) {
  Make(2, 1024, 10);
  const JobId done = Submit(JobKind::kStore, 1);
  control_->EndAll();
  engine_->Forget(done);
  EXPECT_EQ(engine_->Poll(done).status().code(), Code::kNotFound);
  const JobId running = Submit(JobKind::kStore, 1);
  engine_->Forget(running);
  EXPECT_EQ(engine_->WaitGroup(running, 0, 0ms).code(), Code::kNotFound);
  control_->EndAll();
  EXPECT_EQ(Ends().back(), "2.0 PEGA_OK") << "forgotten is not cancelled";
  EXPECT_EQ(engine_->stats().store_jobs_total, 2U);
  engine_->Forget(4711);
}

TEST_F(TransferEngineTest, BoundsTheJobsThatNobodyForgets) {
  Make(1, 64, 10);
  control_->end_at_once = true;
  for (std::uint32_t i = 0; i < kTransferJobsMax; ++i) {
    ASSERT_TRUE(engine_->Submit({.blocks = Blocks(1)}).ok());
  }
  EXPECT_EQ(SubmitCode({.blocks = Blocks(1)}), Code::kLimit);
  engine_->Forget(1);
  EXPECT_EQ(SubmitCode({.blocks = Blocks(1)}), Code::kOk);
}

TEST_F(TransferEngineTest, ADeviceMayEndAPieceWithinStart) {
  Make(64, 1024, 10);
  control_->end_at_once = true;
  std::vector<std::uint32_t> every;
  for (std::uint32_t i = 1; i <= 64; ++i) every.push_back(i);
  const JobId job = Submit(JobKind::kLoadSync, 3, every);
  EXPECT_TRUE(engine_->WaitGroup(job, 63, 0ms).ok());
  EXPECT_EQ(Ends().size(), 64U);
  EXPECT_EQ(engine_->stats().load_bytes_total, 3U * 64 * 1024);
}

TEST_F(TransferEngineTest, CountsBytesAndBusyTime) {
  Make(2, 1000, 10);
  EXPECT_EQ(engine_->stats().store_busy_ns_total, 0U);
  Submit(JobKind::kStore, 3);
  EXPECT_EQ(engine_->stats().jobs_now, 1U);
  control_->EndAll();
  const TransferStats stats = engine_->stats();
  EXPECT_EQ(stats.store_bytes_total, 6000U);
  EXPECT_EQ(stats.load_bytes_total, 0U);
  EXPECT_GT(stats.store_busy_ns_total, 0U);
  EXPECT_EQ(engine_->stats().store_busy_ns_total, stats.store_busy_ns_total);
}

TEST_F(TransferEngineTest, OnADuplexDeviceStoresGoBesideLoads) {
  Make(4, kMiB / 2, 100);
  control_->duplex = true;
  Submit(JobKind::kLoadAsync, 16);
  Submit(JobKind::kStore, 16);
  EXPECT_EQ(control_->started(), (Strings{"A0-4 ×8", "S0-4 ×8"}));
  control_->EndAll();
}

}  // namespace
}  // namespace pega
