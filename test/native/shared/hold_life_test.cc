// Who lives, as the locks of real processes tell it (PROTOCOL §2).

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <list>

#include "shared/child.h"
#include "shared/hold_fixture.h"
#include "shared/once_file.h"

namespace pega {
namespace {

using HoldLife = HoldTest;

TEST_F(HoldLife, DeadAtOnceWhenKilledAlthoughAForkedChildLivesOn) {
  Child engine([&](const Link& link) {
    const auto hold = Join(Spec(0));
    CHILD_REQUIRE(hold.ok());
    if (::fork() == 0) {  // inherits every descriptor, and outlives its parent
      link.Tell();
      link.Await();
      link.Tell();
      ::_exit(0);
    }
    link.Tell();
    ::pause();
    return true;
  });
  engine.Await();
  engine.Await();
  const auto view = Must(View());
  EXPECT_TRUE(view->Alive(0));
  EXPECT_TRUE(view->AnyAlive());
  EXPECT_TRUE(view->Proves(0, NonceOf(0)));
  EXPECT_FALSE(view->Proves(0, NonceOf(1)));
  EXPECT_FALSE(view->Proves(1, NonceOf(1)));
  EXPECT_FALSE(Must(view->RemoveIfDead()));
  engine.Kill();
  EXPECT_FALSE(view->Alive(0));
  EXPECT_FALSE(view->AnyAlive());
  EXPECT_FALSE(view->Proves(0, NonceOf(0)));
  engine.Tell();  // the grandchild still is there
  engine.Await();
  EXPECT_TRUE(Must(view->RemoveIfDead()));
  EXPECT_FALSE(Exists(path()));
}

TEST_F(HoldLife, TwoRecordsOfOneProcessEndOneByOne) {
  Child engine([&](const Link& link) {
    auto scheduler = Join(Spec(0));
    auto worker = Join(Spec(1));
    CHILD_REQUIRE(scheduler.ok() && worker.ok());
    CHILD_REQUIRE(Join(Spec(1)).status().code() == Code::kAlreadyExists);
    link.Tell();
    link.Await();
    worker = Status(Code::kCancelled, "dropped");
    link.Tell();
    link.Await();
    CHILD_REQUIRE(Join(Spec(1)).ok());  // and may come back, though it is gone again at once
    scheduler = Status(Code::kCancelled, "dropped");
    link.Tell();
    link.Await();
    return true;
  });
  engine.Await();
  const auto view = Must(View());
  EXPECT_TRUE(view->Alive(0));
  EXPECT_TRUE(view->Alive(1));
  EXPECT_TRUE(view->Proves(1, NonceOf(1)));
  engine.Tell();
  engine.Await();
  EXPECT_TRUE(view->Alive(0));
  EXPECT_FALSE(view->Alive(1));
  engine.Tell();
  engine.Await();
  EXPECT_FALSE(view->AnyAlive());
  engine.Tell();
  EXPECT_TRUE(engine.Succeeded());
}

TEST_F(HoldLife, ProcessesOfOneEngineJoinAndKeepTheirOwnRecords) {
  const auto hold_until_told = [&](std::uint32_t record) {
    return [this, record](const Link& link) {
      const auto hold = Join(Spec(record, 2));
      CHILD_REQUIRE(hold.ok());
      link.Tell();
      link.Await();
      return true;
    };
  };
  Child scheduler(hold_until_told(0));
  scheduler.Await();
  Child rank0(hold_until_told(1));
  rank0.Await();
  const Result<std::shared_ptr<HoldFile>> taken = Join(Spec(1, 2));
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.status().code(), Code::kAlreadyExists);
  EXPECT_NE(taken.status().message().find(std::to_string(rank0.pid())), std::string::npos);
  // The failed attempt closed its descriptor and freed nobody's lock.
  const auto view = Must(View(2));
  EXPECT_TRUE(view->Alive(0));
  EXPECT_TRUE(view->Alive(1));
  EXPECT_FALSE(view->Alive(2));
  EXPECT_FALSE(view->Alive(3)) << "no such record";
  rank0.Kill();
  EXPECT_FALSE(view->Alive(1));
  EXPECT_TRUE(view->AnyAlive());
  Child again(hold_until_told(1));  // a worker that was started again
  again.Await();
  EXPECT_TRUE(view->Proves(1, NonceOf(1)));
  again.Tell();
  scheduler.Tell();
  EXPECT_TRUE(again.Succeeded());
  EXPECT_TRUE(scheduler.Succeeded());
}

TEST_F(HoldLife, CreatorsAtOnceMakeOneFile) {
  constexpr std::uint32_t kRanks = 7;
  for (int round = 0; round < 20; ++round) {
    std::list<Child> children;
    for (std::uint32_t record = 0; record <= kRanks; ++record) {
      children.emplace_back([this, record](const Link& link) {
        link.Await();  // all start together
        const auto hold = Join(Spec(record, kRanks));
        CHILD_REQUIRE(hold.ok());
        link.Tell();
        link.Await();
        return true;
      });
    }
    for (const Child& child : children) child.Tell();
    for (const Child& child : children) child.Await();
    const auto view = Must(View(kRanks));
    for (std::uint32_t record = 0; record <= kRanks; ++record) {
      EXPECT_TRUE(view->Proves(record, NonceOf(record))) << record;
    }
    for (const Child& child : children) child.Tell();
    for (Child& child : children) EXPECT_TRUE(child.Succeeded());
    std::size_t files = 0;
    for ([[maybe_unused]] const auto& file : std::filesystem::directory_iterator(folder().path())) {
      ++files;
    }
    EXPECT_EQ(files, 1u) << "temporary names are gone";
    EXPECT_TRUE(Must(view->RemoveIfDead()));
  }
}

// The server removes the file whenever it finds nobody; an engine that joins comes either before,
// and keeps it, or after, and makes a new one. It never holds a file that has no name.
TEST_F(HoldLife, RemovalAndJoinNeverLeaveAnEngineWithoutItsFile) {
  constexpr int kRounds = 300;
  Child engine([&](const Link& link) {
    link.Await();
    for (int round = 0; round < kRounds; ++round) {
      const auto hold = Join(Spec(0));
      CHILD_REQUIRE(hold.ok());
      struct stat first{}, second{};
      CHILD_REQUIRE(::stat(path().c_str(), &first) == 0);
      CHILD_REQUIRE(View().ok());
      CHILD_REQUIRE(::stat(path().c_str(), &second) == 0 && first.st_ino == second.st_ino);
    }
    return true;
  });
  engine.Tell();
  while (!engine.Ended()) EXPECT_TRUE(RemoveDeadHoldFile(path()).ok());
  EXPECT_TRUE(engine.Succeeded());
  EXPECT_TRUE(Must(RemoveDeadHoldFile(path())));
  EXPECT_FALSE(Exists(path()));
}

TEST_F(HoldLife, WhoLocksAFileThatWasRemovedMeanwhileFindsOut) {
  ASSERT_TRUE(Join(Spec(0)).ok());  // made, and left again
  Child joiner([&](const Link& link) {
    Result<OnceFile> file = OnceFile::Open(path());
    CHILD_REQUIRE(file.ok());
    link.Tell();
    link.Await();  // the server removes it here
    CHILD_REQUIRE(file.value().LockByte(0).value() == LockOutcome::kLocked);
    CHILD_REQUIRE(!file.value().IsAt(path()));
    return true;
  });
  joiner.Await();
  EXPECT_TRUE(Must(Must(View())->RemoveIfDead()));
  joiner.Tell();
  EXPECT_TRUE(joiner.Succeeded());
}

TEST_F(HoldLife, JoinerWaitsForARemovalUnderWay) {
  ASSERT_TRUE(Join(Spec(0)).ok());
  struct stat before{}, after{};
  ASSERT_EQ(::stat(path().c_str(), &before), 0);
  Child server([&](const Link& link) {  // stopped between its lock and its unlink
    Result<OnceFile> file = OnceFile::Open(path());
    CHILD_REQUIRE(file.ok() && file.value().LockWhole().value());
    link.Tell();
    link.Await();
    CHILD_REQUIRE(::unlink(path().c_str()) == 0);
    return true;
  });
  server.Await();
  Child joiner([&](const Link& link) {
    link.Tell();
    const auto hold = Join(Spec(0));
    CHILD_REQUIRE(hold.ok());
    link.Tell();
    link.Await();
    return true;
  });
  joiner.Await();
  server.Tell();
  joiner.Await();
  ASSERT_EQ(::stat(path().c_str(), &after), 0);
  EXPECT_TRUE(Must(View())->Alive(0));
  EXPECT_TRUE(server.Succeeded());
  joiner.Tell();
  EXPECT_TRUE(joiner.Succeeded());
}

TEST_F(HoldLife, AForkedChildLeavesItsParentsRecordAlone) {
  Child engine([&](const Link& link) {
    auto hold = Join(Spec(0));
    CHILD_REQUIRE(hold.ok());
    const pid_t copy = ::fork();
    if (copy == 0) {
      // Its own locks are none, its parent's record is taken, and its end changes nothing.
      const bool refused = Join(Spec(0)).status().code() == Code::kAlreadyExists;
      const bool joined = Join(Spec(1)).ok();
      hold = Status(Code::kCancelled, "dropped");
      ::_exit(refused && joined ? 0 : 1);
    }
    int status = 0;
    CHILD_REQUIRE(::waitpid(copy, &status, 0) == copy && status == 0);
    link.Tell();
    link.Await();
    hold.value()->ReportReady(3, true, 9);
    return true;
  });
  engine.Await();
  const auto view = Must(View());
  EXPECT_TRUE(view->Proves(0, NonceOf(0)));
  EXPECT_FALSE(view->Alive(1));
  engine.Tell();
  EXPECT_TRUE(engine.Succeeded());
}

TEST_F(HoldLife, RanksReportForThemselves) {
  Child rank0([&](const Link& link) {
    const auto hold = Join(Spec(1, 2));
    CHILD_REQUIRE(hold.ok());
    hold.value()->ReportReady(3, true, 77);
    link.Tell();
    link.Await();
    hold.value()->ReportReady(0, false, 78);
    link.Tell();
    link.Await();
    return true;
  });
  rank0.Await();
  const auto scheduler = Must(Join(Spec(0, 2)));
  const auto view = Must(View(2));
  EXPECT_EQ(view->SlabsReady(1), 3u);
  EXPECT_EQ(view->SlabsReady(2), 0u);
  EXPECT_EQ(view->SlabsReady(9), 0u);
  EXPECT_FALSE(scheduler->AllRanksSync());
  EXPECT_EQ(scheduler->SlabsReadyMin(), 0u) << "rank 1 has not joined";
  auto rank1 = Must(Join(Spec(2, 2)));
  EXPECT_FALSE(scheduler->AllRanksSync());
  rank1->ReportReady(4, true, 77);
  EXPECT_TRUE(scheduler->AllRanksSync());
  EXPECT_EQ(scheduler->SlabsReadyMin(), 3u);
  rank0.Tell();
  rank0.Await();
  EXPECT_FALSE(scheduler->AllRanksSync());
  rank0.Tell();
  EXPECT_TRUE(rank0.Succeeded());
  EXPECT_EQ(view->SlabsReady(1), 0u) << "it said goodbye";
}

TEST_F(HoldLife, ClearsHoldFilesOfFormerPoolsOnceTheyAreDead) {
  Child engine([&](const Link& link) {
    const auto hold = Join(Spec(0));
    CHILD_REQUIRE(hold.ok());
    link.Tell();
    ::pause();
    return true;
  });
  engine.Await();
  const std::vector<std::string> files = Must(folder().FilesOfOtherPools(SomePool(0x99)));
  ASSERT_EQ(files, std::vector<std::string>{path()});
  EXPECT_FALSE(Must(RemoveDeadHoldFile(path())));
  engine.Kill();
  EXPECT_TRUE(Must(RemoveDeadHoldFile(path())));
  EXPECT_TRUE(Must(RemoveDeadHoldFile(path()))) << "gone is gone";
}

}  // namespace
}  // namespace pega
