#include "transfer/transfer_engine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/limits.h"
#include "transfer/fake_device.h"

namespace pega {
namespace {

using namespace std::chrono_literals;
using Strings = std::vector<std::string>;
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr auto kSoon = 60s;  // a bound for hangs, never a measure

class TransferEngineTest : public testing::Test {
 protected:
  void Make(std::uint32_t layers, std::uint64_t layer_bytes, std::uint64_t blocks) {
    engine_ = TransferEngine::Create(
        std::make_unique<FakeDevice>(FakeLayout(layers, layer_bytes, blocks), control_));
  }
  JobId Submit(JobKind kind, std::uint32_t blocks, std::vector<std::uint32_t> group_ends = {}) {
    const auto job =
        engine_->Submit({.kind = kind,
                         .blocks = Blocks(blocks),
                         .group_ends = std::move(group_ends),
                         .on_group = [this](JobId id, std::uint32_t group, const Status& s) {
                           const std::lock_guard lock(ends_mutex_);
                           ends_.push_back(std::to_string(id) + "." + std::to_string(group) + " " +
                                           CodeName(s.code()));
                         }});
    EXPECT_TRUE(job.ok()) << job.status().message();
    return job.ok() ? job.value() : 0;
  }
  // Callbacks, in their order.
  Strings Ends() {
    const std::lock_guard lock(ends_mutex_);
    return ends_;
  }
  Code SubmitCode(JobSpec spec) { return engine_->Submit(std::move(spec)).status().code(); }

  std::shared_ptr<FakeControl> control_ = std::make_shared<FakeControl>();
  std::unique_ptr<TransferEngine> engine_;

 private:
  std::mutex ends_mutex_;  // of several jobs callbacks may come at once
  Strings ends_;
};

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

TEST_F(TransferEngineTest, DrainCancelsWhatHasNotStartedAndWaitsForTheRest) {
  Make(4, kMiB, 100);
  const JobId started = Submit(JobKind::kLoadSync, 1);
  const JobId half = Submit(JobKind::kStore, 20);
  const JobId waiting = Submit(JobKind::kStore, 1);
  EXPECT_EQ(control_->in_flight(), 2U);
  std::atomic<bool> drained = false;
  std::thread drain([&] {
    engine_->Drain();
    drained = true;
  });
  EXPECT_EQ(engine_->WaitGroup(waiting, 0, kSoon).code(), Code::kCancelled);  // Drain has begun
  EXPECT_FALSE(drained);
  EXPECT_EQ(engine_->WaitGroup(half, 0, 0ms).code(), Code::kTimeout);
  control_->EndAll();
  drain.join();
  EXPECT_TRUE(engine_->WaitGroup(started, 0, 0ms).ok());
  EXPECT_EQ(engine_->WaitGroup(half, 0, 0ms).code(), Code::kCancelled);
  EXPECT_EQ(SubmitCode({.blocks = Blocks(1)}), Code::kCancelled);
  EXPECT_EQ(control_->started().size(), 2U);
  EXPECT_EQ(engine_->stats().failed_jobs_total, 2U);
  EXPECT_EQ(engine_->stats().jobs_now, 0U);
  engine_->Drain();
}

TEST_F(TransferEngineTest, TheDestructorTellsEveryJobItsEnd) {
  Make(4, kMiB, 100);
  Submit(JobKind::kLoadSync, 1, {2, 4});  // one group in flight, one waiting
  std::promise<Code> store_end;
  ASSERT_TRUE(engine_
                  ->Submit({.kind = JobKind::kStore,
                            .blocks = Blocks(1),
                            .on_group = [&](JobId, std::uint32_t,
                                            const Status& s) { store_end.set_value(s.code()); }})
                  .ok());
  std::thread end([&] {
    EXPECT_EQ(store_end.get_future().get(), Code::kCancelled);  // the destructor has begun
    EXPECT_TRUE(Ends().empty()) << "a piece of the load is in flight";
    control_->End(JobKind::kLoadSync);
  });
  engine_.reset();
  end.join();
  EXPECT_EQ(Ends(), (Strings{"1.0 PEGA_OK", "1.1 PEGA_CANCELLED"}));
}

TEST_F(TransferEngineTest, WaitersWakeAtTheEndOfTheirGroup) {
  Make(2, 1024, 10);
  const JobId job = Submit(JobKind::kLoadAsync, 4, {1, 2});
  Status seen[2];
  std::thread first(
      [&] { seen[0] = engine_->WaitGroup(job, 0, std::chrono::milliseconds::max()); });
  std::thread second([&] { seen[1] = engine_->WaitGroup(job, 1, kSoon); });
  control_->End(JobKind::kLoadAsync);
  first.join();
  control_->End(JobKind::kLoadAsync, Status(Code::kIo, "gone"));
  second.join();
  EXPECT_TRUE(seen[0].ok()) << seen[0].message();
  EXPECT_EQ(seen[1].code(), Code::kIo);
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

class StreamsTest : public TransferEngineTest {
 protected:
  StreamsTest() {
    control_->in_flight_max[0] = Device::kNoPieceLimit;
    control_->points = true;
  }
};

TEST_F(StreamsTest, AllOfASynchronousLoadIsStartedAndStreamsCanBeHeldForItsGroups) {
  Make(4, 1024, 100);
  const JobId job = Submit(JobKind::kLoadSync, 10, {1, 2, 4});
  EXPECT_EQ(control_->started(), (Strings{"L0-1 ×10", "L1-2 ×10", "L2-4 ×10"}));
  EXPECT_TRUE(engine_->HoldStream(job, 2, 77).ok());
  control_->End(JobKind::kLoadSync);
  EXPECT_TRUE(engine_->HoldStream(job, 0, 78).ok());  // ended: there is nothing to wait for
  EXPECT_EQ(control_->held(), (std::vector<std::uint64_t>{77}));
  EXPECT_EQ(engine_->HoldStream(job, 3, 79).code(), Code::kInvalidArgument);
  EXPECT_EQ(engine_->HoldStream(job + 1, 0, 79).code(), Code::kNotFound);
  control_->EndAll();
}

TEST_F(StreamsTest, AStreamIsNotHeldForAGroupThatFailed) {
  Make(2, 1024, 100);
  const JobId job = Submit(JobKind::kLoadSync, 10, {1, 2});
  control_->End(JobKind::kLoadSync, Status(Code::kDevice, "lost"));
  control_->End(JobKind::kLoadSync, Status(Code::kDevice, "lost"));
  EXPECT_EQ(engine_->HoldStream(job, 0, 1).code(), Code::kDevice);
  EXPECT_EQ(engine_->HoldStream(job, 1, 1).code(), Code::kDevice);
  EXPECT_TRUE(control_->held().empty());
}

TEST_F(StreamsTest, OnlySynchronousLoadsHoldStreams) {
  Make(2, 1024, 100);
  const JobId job = Submit(JobKind::kLoadAsync, 10);
  EXPECT_EQ(engine_->HoldStream(job, 0, 1).code(), Code::kInvalidArgument);
  control_->EndAll();
}

// Others submit and end pieces meanwhile, so that the pieces may be started by any of the threads.
TEST_F(StreamsTest, WhenSubmitReturnsEveryGroupCanBeWaitedFor) {
  Make(4, 1024, 100);
  std::atomic<bool> stop = false;
  std::atomic<bool> stop_enders = false;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> enders;
  std::vector<std::thread> submitters;
  for (const JobKind kind : {JobKind::kLoadSync, JobKind::kLoadAsync, JobKind::kStore}) {
    enders.emplace_back([&, kind] {
      while (!stop_enders) {
        if (!control_->End(kind)) std::this_thread::yield();
      }
    });
  }
  for (int t = 0; t < 2; ++t) {
    submitters.emplace_back([&] {
      while (!stop) {
        const auto job = engine_->Submit({.kind = JobKind::kStore, .blocks = Blocks(4)});
        if (!job.ok() || !engine_->WaitGroup(job.value(), 0, kSoon).ok()) ++wrong;
        engine_->Forget(job.value());
      }
    });
  }
  for (int i = 0; i < 500; ++i) {
    const auto job = engine_->Submit(
        {.kind = JobKind::kLoadSync, .blocks = Blocks(20), .group_ends = {1, 2, 3, 4}});
    for (std::uint32_t group = 0; group < 4; ++group) {
      if (!engine_->HoldStream(job.value(), group, 1).ok()) ++wrong;
    }
    if (!engine_->WaitGroup(job.value(), 3, kSoon).ok()) ++wrong;
    engine_->Forget(job.value());
  }
  stop = true;
  for (std::thread& thread : submitters) thread.join();
  stop_enders = true;
  for (std::thread& thread : enders) thread.join();
  EXPECT_EQ(wrong, 0);
}

// Many threads submit while another ends pieces: every job ends once, callbacks in order.
TEST_F(TransferEngineTest, StandsManyThreads) {
  Make(4, kMiB, 100);
  control_->in_flight_max = {2, 2, 1};
  constexpr int kThreads = 4;
  constexpr int kJobs = 200;
  std::atomic<int> ended = 0;
  std::atomic<int> out_of_order = 0;
  std::atomic<bool> stop = false;
  std::vector<std::thread> enders;
  for (const JobKind kind : {JobKind::kLoadSync, JobKind::kLoadAsync, JobKind::kStore}) {
    enders.emplace_back([&, kind] {
      while (!stop) {
        if (!control_->End(kind)) std::this_thread::yield();
      }
    });
  }
  std::vector<std::thread> submitters;
  for (int t = 0; t < kThreads; ++t) {
    submitters.emplace_back([&, t] {
      for (int i = 0; i < kJobs; ++i) {
        const JobKind kind = static_cast<JobKind>((t + i) % 3);
        auto next = std::make_shared<std::uint32_t>(0);
        JobSpec spec{.kind = kind, .blocks = Blocks(20)};
        if (kind != JobKind::kStore) spec.group_ends = {1, 3, 4};
        const std::uint32_t groups = kind == JobKind::kStore ? 1 : 3;
        spec.on_group = [&, next, groups](JobId, std::uint32_t group, const Status& status) {
          if (group != (*next)++ || !status.ok()) ++out_of_order;
          if (group + 1 == groups) ++ended;
        };
        const auto job = engine_->Submit(std::move(spec));
        if (!job.ok() || !engine_->WaitGroup(job.value(), groups - 1, kSoon).ok()) ++out_of_order;
        engine_->Forget(job.value());
      }
    });
  }
  for (std::thread& thread : submitters) thread.join();
  engine_->Drain();
  stop = true;
  for (std::thread& thread : enders) thread.join();
  EXPECT_EQ(ended, kThreads * kJobs);
  EXPECT_EQ(out_of_order, 0);
}

}  // namespace
}  // namespace pega
