// The engine under several threads: drained and destroyed amid work, waited for, loaded by many.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "transfer/transfer_engine_fixture.h"

namespace pega {
namespace {

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
