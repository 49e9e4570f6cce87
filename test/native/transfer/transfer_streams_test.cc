// Streams held for the groups of a synchronous load, on a device that takes all of it at once.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "transfer/transfer_engine_fixture.h"

namespace pega {
namespace {

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

}  // namespace
}  // namespace pega
