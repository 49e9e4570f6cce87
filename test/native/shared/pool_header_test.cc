#include "shared/pool_header.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>
#include <vector>

#include "shared/child.h"
#include "shared/pool_header_layout.h"
#include "shared/temp_pool.h"

namespace pega {
namespace {

constexpr std::uint64_t kSlab = std::uint64_t{16} << 20;

class PoolHeader : public ::testing::Test {
 protected:
  Result<std::unique_ptr<ServerHeader>> Acquire() const { return ServerHeader::Acquire(folder()); }
  std::unique_ptr<ServerHeader> Begun() const {
    auto server = Must(Acquire());
    EXPECT_TRUE(server->Begin(kSlab).ok());
    return server;
  }
  const PoolFolder& folder() const { return pool_.folder(); }
  std::string path() const { return folder().HeaderPath(); }

  template <typename T>
  void Overwrite(std::uint64_t offset, T value) const {
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  std::string Bytes() const {
    std::ifstream file(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const TempPool pool_;
};

TEST_F(PoolHeader, EnginesSeeWhatTheServerPublishes) {
  const auto server = Begun();
  const auto view = Must(HeaderView::Open(folder()));
  const std::uint64_t boot = server->boot_number();
  EXPECT_GT(boot, std::uint64_t{1600000000000000}) << "microseconds of the wall clock";
  EXPECT_LT(boot, std::uint64_t{1} << 53);
  EXPECT_EQ(view->boot_number(), boot);
  EXPECT_EQ(view->pool_id(), server->pool_id());
  EXPECT_EQ(view->slab_bytes(), kSlab);
  EXPECT_EQ(view->slab_count(), 0u);
  EXPECT_EQ(view->ReadSlab(0, boot).status().code(), Code::kNotFound);
  server->PublishSlab(0, {11, 22, 4096});
  server->PublishSlab(2, {33, 44, 2 << 20});
  EXPECT_EQ(view->slab_count(), 3u);
  const SlabRecord record = Must(view->ReadSlab(2, boot));
  EXPECT_EQ(record.slab_id, 33u);
  EXPECT_EQ(record.inode, 44u);
  EXPECT_EQ(record.page_bytes, 2u << 20);
  EXPECT_EQ(view->ReadSlab(1, boot).status().code(), Code::kNotFound);
  EXPECT_EQ(view->ReadSlab(kSlabOrdinalsMax, boot).status().code(), Code::kNotFound);
  EXPECT_EQ(view->ReadSlab(0, boot - 1).status().code(), Code::kStaleBoot);
  server->RetireSlab(2);
  EXPECT_EQ(view->ReadSlab(2, boot).status().code(), Code::kNotFound);
  EXPECT_EQ(view->slab_count(), 3u);
}

TEST_F(PoolHeader, EachBootHasAHigherNumberAnotherPoolAndAnEmptyTable) {
  auto server = Begun();
  server->PublishSlab(0, {11, 22, 4096});
  const auto view = Must(HeaderView::Open(folder()));
  const std::uint64_t first_boot = server->boot_number();
  const PoolId first_pool = server->pool_id();
  server.reset();
  EXPECT_EQ(view->boot_number(), first_boot) << "the header stays";
  const std::uint64_t future = std::uint64_t{1} << 52;  // the clock was set back since
  Overwrite(offsetof(HeaderFields, boot_number), future);
  server = Begun();
  EXPECT_GT(server->boot_number(), future);
  EXPECT_NE(server->pool_id(), first_pool);
  EXPECT_EQ(view->boot_number(), server->boot_number()) << "the same file";
  EXPECT_EQ(view->slab_count(), 0u);
  EXPECT_EQ(view->ReadSlab(0, first_boot).status().code(), Code::kStaleBoot);
  EXPECT_EQ(view->ReadSlab(0, server->boot_number()).status().code(), Code::kNotFound);
}

TEST_F(PoolHeader, ASecondServerIsToldThePid) {
  Child first([&](const Link& link) {
    const auto server = Acquire();
    CHILD_REQUIRE(server.ok());
    link.Tell();
    ::pause();
    return true;
  });
  first.Await();
  const auto second = Acquire();
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), Code::kPoolBusy);
  EXPECT_NE(second.status().message().find("pid " + std::to_string(first.pid())), std::string::npos)
      << second.status().message();
  EXPECT_TRUE(Acquire().status().code() == Code::kPoolBusy) << "the attempt freed nothing";
  first.Kill();
  EXPECT_TRUE(Acquire().ok());
}

TEST_F(PoolHeader, ASecondServerInOneProcessIsRefusedAndAViewFreesNothing) {
  auto server = Begun();
  EXPECT_EQ(Acquire().status().code(), Code::kPoolBusy);
  Must(HeaderView::Open(folder())).reset();  // closes no descriptor that others use
  Child other([&](const Link&) {
    CHILD_REQUIRE(Acquire().status().code() == Code::kPoolBusy);
    return true;
  });
  EXPECT_TRUE(other.Succeeded());
  server.reset();
  EXPECT_TRUE(Acquire().ok());
}

TEST_F(PoolHeader, OfManyServersAtOnceOneWins) {
  for (int round = 0; round < 20; ++round) {
    const auto race = [&](const Link& link) {
      link.Await();
      const auto server = Acquire();
      CHILD_REQUIRE(server.ok() || server.status().code() == Code::kPoolBusy);
      link.Tell();
      link.Await();  // nobody leaves before all have tried
      return server.ok();
    };
    Child first(race), second(race), third(race);
    for (const Child* child : {&first, &second, &third}) child->Tell();
    for (const Child* child : {&first, &second, &third}) child->Await();
    for (const Child* child : {&first, &second, &third}) child->Tell();
    EXPECT_EQ(first.Succeeded() + second.Succeeded() + third.Succeeded(), 1);
    ASSERT_EQ(::unlink(path().c_str()), 0);
  }
}

// A reader that pairs a boot number with a record gets that boot's record, or an error.
TEST_F(PoolHeader, NoReaderPairsABootWithTheTableOfAnother) {
  Begun().reset();
  Child writer([&](const Link& link) {
    auto server = Acquire();
    CHILD_REQUIRE(server.ok());
    link.Tell();
    for (int boot = 0; boot < 150; ++boot) {
      CHILD_REQUIRE(server.value()->Begin(kSlab).ok());
      const std::uint64_t number = server.value()->boot_number();
      server.value()->PublishSlab(0, {number, number, number});
    }
    return true;
  });
  writer.Await();
  const auto view = Must(HeaderView::Open(folder()));
  const auto read = [&] {
    while (!writer.Ended()) {
      const std::uint64_t boot = view->boot_number();
      const Result<SlabRecord> record = view->ReadSlab(0, boot);
      if (!record.ok()) {
        EXPECT_TRUE(record.status().code() == Code::kStaleBoot ||
                    record.status().code() == Code::kNotFound);
        continue;
      }
      EXPECT_EQ(record.value().slab_id, boot);
      EXPECT_EQ(record.value().inode, boot);
      EXPECT_EQ(record.value().page_bytes, boot);
    }
  };
  std::thread other(read);
  read();
  other.join();
  EXPECT_TRUE(writer.Succeeded());
}

TEST_F(PoolHeader, AnotherLayoutVersionIsRefusedAndNotOverwritten) {
  Begun().reset();
  Overwrite(offsetof(HeaderFields, layout_version), kSharedLayoutVersion + 1);
  const std::string before = Bytes();
  EXPECT_EQ(Acquire().status().code(), Code::kLayoutVersion);
  EXPECT_EQ(HeaderView::Open(folder()).status().code(), Code::kLayoutVersion);
  EXPECT_EQ(Bytes(), before);
  Overwrite(offsetof(HeaderFields, layout_version), kSharedLayoutVersion);
  EXPECT_TRUE(Acquire().ok()) << "the refused attempt kept no lock";
  Overwrite(offsetof(HeaderFields, magic), std::uint64_t{42});
  EXPECT_EQ(Acquire().status().code(), Code::kLayoutVersion);
}

TEST_F(PoolHeader, AHeaderThatWasNotFinishedIsTakenOver) {
  std::ofstream{path()};  // its server died after creating it
  EXPECT_EQ(HeaderView::Open(folder()).status().code(), Code::kNotFound);
  const auto server = Begun();
  EXPECT_EQ(Must(HeaderView::Open(folder()))->boot_number(), server->boot_number());
}

TEST_F(PoolHeader, ATruncatedHeaderIsAChangeOfBootAndIsRepaired) {
  auto server = Begun();
  const auto view = Must(HeaderView::Open(folder()));
  const std::uint64_t boot = server->boot_number();
  server->PublishSlab(5, {1, 2, 4096});
  ASSERT_EQ(::truncate(path().c_str(), 100), 0);
  EXPECT_EQ(view->ReadSlab(5, boot).status().code(), Code::kNotFound);
  ASSERT_EQ(::truncate(path().c_str(), 0), 0);
  EXPECT_EQ(view->boot_number(), 0u);
  EXPECT_EQ(view->ReadSlab(5, boot).status().code(), Code::kStaleBoot);
  EXPECT_FALSE(server->Begin(kSlab).ok());
  server.reset();
  server = Begun();
  EXPECT_GT(server->boot_number(), boot);
  EXPECT_EQ(view->boot_number(), server->boot_number());
}

TEST_F(PoolHeader, ADeletedHeaderIsAChangeOfBoot) {
  auto server = Begun();
  const std::uint64_t boot = server->boot_number();
  const auto view = Must(HeaderView::Open(folder()));
  ASSERT_EQ(::unlink(path().c_str()), 0);
  EXPECT_EQ(view->boot_number(), 0u);
  EXPECT_EQ(view->ReadSlab(0, boot).status().code(), Code::kStaleBoot);
  EXPECT_EQ(view->ReadSlab(0, 0).status().code(), Code::kStaleBoot);
  EXPECT_EQ(HeaderView::Open(folder()).status().code(), Code::kNotFound);
  server.reset();
  EXPECT_GT(Begun()->boot_number(), boot) << "no old number comes back";
}

TEST_F(PoolHeader, AnOldHeaderFollowsTheGroup) {
  Begun().reset();
  EXPECT_EQ(ModeOf(path()), 0600u);
  ASSERT_EQ(::chmod(folder().path().c_str(), 0770), 0);
  const PoolFolder shared = Must(PoolFolder::Open(folder().path(), folder().path()));
  EXPECT_TRUE(ServerHeader::Acquire(shared).ok());
  EXPECT_EQ(ModeOf(path()), 0660u);
}

}  // namespace
}  // namespace pega
