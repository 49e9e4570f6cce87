// Uses of slots and the bits that show them (PROTOCOL §3).

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <thread>
#include <vector>

#include "shared/child.h"
#include "shared/hold_fixture.h"

namespace pega {
namespace {

// A header whose boot number the test decides, at the moment of the comparison.
class ForcedHeader final : public HeaderView {
 public:
  explicit ForcedHeader(std::function<std::uint64_t()> boot) : boot_(std::move(boot)) {}
  std::uint64_t boot_number() const override { return boot_(); }
  PoolId pool_id() const override { return {}; }
  std::uint64_t slab_bytes() const override { return 0; }
  std::uint32_t slab_count() const override { return 0; }
  Result<SlabRecord> ReadSlab(std::uint32_t, std::uint64_t) const override {
    return Status(Code::kNotFound, "no slabs here");
  }

 private:
  std::function<std::uint64_t()> boot_;
};

class HoldBits : public HoldTest {
 protected:
  std::shared_ptr<HoldFile> hold_ = Must(Join(Spec(0)));
  // In one process with the engine a view sees bits, though no locks.
  std::unique_ptr<HoldView> view_ = Must(View());
  const ForcedHeader header_{[] { return std::uint64_t{7}; }};

  Code Hold(std::vector<SlotAddress> slots, std::uint64_t slot_bytes, std::uint64_t boot = 7) {
    return hold_->Hold(slots, slot_bytes, header_, boot).code();
  }
  Code Drop(std::vector<SlotAddress> slots, std::uint64_t slot_bytes) {
    return hold_->Drop(slots, slot_bytes).code();
  }
};

TEST_F(HoldBits, EveryPageOfASlotIsMarkedAndOnlyThose) {
  EXPECT_EQ(Hold({{0, 2}}, 3 * kPageBytes), Code::kOk);
  EXPECT_EQ(HeldString(*view_, 8), "00111000");
  EXPECT_EQ(Hold({{1, 0}}, 5000), Code::kOk);  // unpadded: two pages
  EXPECT_TRUE(view_->PageHeld(256));
  EXPECT_TRUE(view_->PageHeld(257));
  EXPECT_FALSE(view_->PageHeld(258));
  EXPECT_EQ(hold_->HeldPages(), 5u);
  EXPECT_EQ(view_->HeldPages(), 5u);
  EXPECT_EQ(Drop({{1, 0}}, 8192), Code::kOk);  // padded: the same slot
  EXPECT_EQ(view_->HeldPages(), 3u);
  EXPECT_FALSE(view_->PageHeld(kPages)) << "beyond the pool";
}

TEST_F(HoldBits, SlotsThatShareAWordDoNotDisturbEachOther) {
  for (std::uint32_t i = 0; i < 25; ++i) EXPECT_EQ(Hold({{0, 3 * i}}, 3 * kPageBytes), Code::kOk);
  EXPECT_EQ(HeldString(*view_, 76), std::string(75, '1') + "0");
  EXPECT_EQ(Drop({{0, 63}}, 3 * kPageBytes), Code::kOk);  // across two words
  EXPECT_EQ(HeldString(*view_, 69), std::string(63, '1') + "000111");
  EXPECT_EQ(Drop({{0, 0}}, 3 * kPageBytes), Code::kOk);
  EXPECT_EQ(HeldString(*view_, 69), "000" + std::string(60, '1') + "000111");
}

TEST_F(HoldBits, LongSlotsFillWholeWords) {
  EXPECT_EQ(Hold({{0, 10}}, 200 * kPageBytes), Code::kOk);
  EXPECT_EQ(HeldString(*view_, 256),
            std::string(10, '0') + std::string(200, '1') + std::string(46, '0'));
  EXPECT_EQ(Hold({{0, 0}}, kPageBytes), Code::kOk);
  EXPECT_EQ(Drop({{0, 10}}, 200 * kPageBytes), Code::kOk);
  EXPECT_EQ(view_->HeldPages(), 1u);
}

TEST_F(HoldBits, BitsLastUntilTheLastUse) {
  EXPECT_EQ(Hold({{0, 0}, {0, 1}}, kPageBytes), Code::kOk);
  EXPECT_EQ(Hold({{0, 0}, {0, 0}}, kPageBytes), Code::kOk);  // twice in one call: two uses
  EXPECT_EQ(Drop({{0, 0}}, kPageBytes), Code::kOk);
  EXPECT_EQ(Drop({{0, 0}}, kPageBytes), Code::kOk);
  EXPECT_TRUE(view_->PageHeld(0));
  EXPECT_EQ(Drop({{0, 0}}, kPageBytes), Code::kOk);
  EXPECT_FALSE(view_->PageHeld(0));
  EXPECT_TRUE(view_->PageHeld(1));
  EXPECT_EQ(hold_->HeldPages(), 1u);
}

TEST_F(HoldBits, ADropTooManyChangesNothing) {
  EXPECT_EQ(Hold({{0, 0}, {0, 1}, {0, 1}}, kPageBytes), Code::kOk);
  EXPECT_EQ(Drop({{0, 0}, {0, 2}}, kPageBytes), Code::kInvalidArgument);
  EXPECT_EQ(Drop({{0, 1}, {0, 0}, {0, 0}}, kPageBytes), Code::kInvalidArgument);
  EXPECT_EQ(Drop({{0, 0}}, 2 * kPageBytes), Code::kInvalidArgument) << "of another size";
  EXPECT_EQ(HeldString(*view_, 3), "110");
  EXPECT_EQ(Drop({{0, 0}, {0, 1}, {0, 1}}, kPageBytes), Code::kOk) << "all uses were still there";
  EXPECT_EQ(view_->HeldPages(), 0u);
}

TEST_F(HoldBits, RefusesWhatIsNotInThePool) {
  EXPECT_EQ(Hold({{0, 0}, {kSlabs, 0}}, kPageBytes), Code::kInvalidArgument);
  EXPECT_EQ(Hold({{0, 255}}, 2 * kPageBytes), Code::kInvalidArgument);
  EXPECT_EQ(Hold({{0, 0xffffffff}}, kPageBytes), Code::kInvalidArgument);
  EXPECT_EQ(Hold({{0, 0}}, 0), Code::kInvalidArgument);
  EXPECT_EQ(Hold({{0, 0}}, kSlab + 1), Code::kInvalidArgument);
  EXPECT_EQ(Hold({{0, 0}}, ~std::uint64_t{0}), Code::kInvalidArgument);
  EXPECT_EQ(Hold({{0, 0}}, kPageBytes), Code::kOk);
  EXPECT_EQ(Hold({{0, 1}, {0, 0}}, 2 * kPageBytes), Code::kInvalidArgument) << "in use with 1 page";
  EXPECT_EQ(view_->HeldPages(), 1u);
}

TEST_F(HoldBits, BitsAreSetBeforeTheBootNumberIsCompared) {
  bool set_at_comparison = false;
  const ForcedHeader changes_now([&] {
    set_at_comparison = view_->PageHeld(0) && view_->PageHeld(5);
    return std::uint64_t{8};  // the server restarted between bits and comparison
  });
  const std::vector<SlotAddress> slots = {{0, 0}, {0, 5}};
  EXPECT_EQ(hold_->Hold(slots, kPageBytes, changes_now, 7).code(), Code::kStaleBoot);
  EXPECT_TRUE(set_at_comparison);
  EXPECT_EQ(view_->HeldPages(), 0u);
  EXPECT_EQ(hold_->HeldPages(), 0u);
}

TEST_F(HoldBits, AStaleGrantKeepsTheUsesThatWereThere) {
  EXPECT_EQ(Hold({{0, 0}}, kPageBytes), Code::kOk);
  EXPECT_EQ(Hold({{0, 0}, {0, 1}}, kPageBytes, 6), Code::kStaleBoot);
  EXPECT_EQ(HeldString(*view_, 2), "10");
  EXPECT_EQ(Drop({{0, 0}}, kPageBytes), Code::kOk);
  EXPECT_EQ(view_->HeldPages(), 0u);
}

TEST_F(HoldBits, NothingIsHeldUnderBootZero) {
  const ForcedHeader gone([] { return std::uint64_t{0}; });  // as of a header that was unlinked
  const std::vector<SlotAddress> slots = {{0, 0}};
  EXPECT_EQ(hold_->Hold(slots, kPageBytes, gone, 0).code(), Code::kStaleBoot);
  EXPECT_EQ(view_->HeldPages(), 0u);
}

TEST_F(HoldBits, ARestartedServerIsSeenThroughTheRealHeader) {
  const auto server = Must(ServerHeader::Acquire(folder()));
  ASSERT_TRUE(server->Begin(kSlab).ok());
  const auto header = Must(HeaderView::Open(folder()));
  const std::uint64_t boot = server->boot_number();
  const std::vector<SlotAddress> slots = {{0, 0}};
  EXPECT_EQ(hold_->Hold(slots, kPageBytes, *header, boot).code(), Code::kOk);
  ASSERT_TRUE(server->Begin(kSlab).ok());
  EXPECT_EQ(hold_->Hold(slots, kPageBytes, *header, boot).code(), Code::kStaleBoot);
  EXPECT_EQ(hold_->Hold(slots, kPageBytes, *header, server->boot_number()).code(), Code::kOk);
  ASSERT_EQ(::unlink(folder().HeaderPath().c_str()), 0);
  EXPECT_EQ(hold_->Hold(slots, kPageBytes, *header, server->boot_number()).code(),
            Code::kStaleBoot);
  EXPECT_EQ(view_->HeldPages(), 1u);
}

TEST_F(HoldBits, OnlyTheSchedulersRecordHolds) {
  const auto worker = Must(Join(Spec(1)));
  const std::vector<SlotAddress> slots = {{0, 0}};
  EXPECT_EQ(worker->Hold(slots, kPageBytes, header_, 7).code(), Code::kInvalidArgument);
  EXPECT_EQ(worker->Drop(slots, kPageBytes).code(), Code::kInvalidArgument);
  EXPECT_EQ(view_->HeldPages(), 0u);
}

// A worker may still copy through slots that the scheduler side never dropped (PROTOCOL §3).
TEST_F(HoldBits, TheBitsOfUsesThatDidNotEndOutliveTheScheduler) {
  const auto worker = Must(Join(Spec(1)));  // the file stays open in this process
  EXPECT_EQ(Hold({{0, 0}, {3, 200}}, 50 * kPageBytes), Code::kOk);
  EXPECT_EQ(view_->HeldPages(), 100u);
  hold_.reset();
  EXPECT_EQ(view_->HeldPages(), 100u);
}

TEST_F(HoldBits, AKilledSchedulersBitsStayUntilTheFileGoes) {
  hold_.reset();
  Child engine([&](const Link& link) {
    const auto hold = Join(Spec(0));
    CHILD_REQUIRE(hold.ok());
    const std::vector<SlotAddress> slots = {{2, 0}};
    CHILD_REQUIRE(hold.value()->Hold(slots, kSlab, header_, 7).ok());
    link.Tell();
    ::pause();
    return true;
  });
  engine.Await();
  EXPECT_EQ(view_->HeldPages(), 256u);
  engine.Kill();
  EXPECT_EQ(view_->HeldPages(), 256u);
  hold_ = Must(Join(Spec(0)));  // its workers may still copy: nothing is given away
  EXPECT_EQ(view_->HeldPages(), 256u);
}

TEST_F(HoldBits, ThreadsMayHoldAndDropSlotsOfOneWord) {
  std::vector<std::thread> threads;
  for (std::uint32_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([this, thread] {
      for (int round = 0; round < 500; ++round) {
        EXPECT_EQ(Hold({{0, thread}, {0, 60}}, kPageBytes), Code::kOk);
        EXPECT_EQ(Hold({{0, thread}}, kPageBytes, 6), Code::kStaleBoot);
        EXPECT_TRUE(view_->PageHeld(thread));
        EXPECT_EQ(Drop({{0, 60}, {0, thread}}, kPageBytes), Code::kOk);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(view_->HeldPages(), 0u);
  EXPECT_EQ(hold_->HeldPages(), 0u);
}

TEST_F(HoldBits, ALargePoolsFileCostsOnlyWhatIsUsed) {
  HoldSpec spec = Spec(0);
  spec.engine_id = SomeEngine(0x33);
  spec.slab_bytes = kSlabBytesMax;
  spec.ordinal_capacity = kSlabOrdinalsMax;  // 8 TiB: 256 MiB of bits
  const auto hold = Must(Join(spec));
  const std::vector<SlotAddress> slots = {{0, 0}, {8191, 262144 - 512}};
  EXPECT_TRUE(hold->Hold(slots, 512 * kPageBytes, header_, 7).ok());
  const std::uint64_t pages = kSlabOrdinalsMax * (kSlabBytesMax / kPageBytes);
  const auto view = Must(HoldView::Open(folder(), spec.pool_id, spec.engine_id, 1, pages));
  EXPECT_EQ(view->HeldPages(), 1024u);
  EXPECT_TRUE(view->PageHeld(pages - 1));
  struct stat found{};
  ASSERT_EQ(::stat(folder().HoldPath(spec.pool_id, spec.engine_id).c_str(), &found), 0);
  EXPECT_LE(found.st_blocks * 512, 4 * 65536);
}

class HoldForeign : public HoldTest {
 protected:
  void ExpectNotSameHost(const char* what) {
    const auto view = View();
    ASSERT_FALSE(view.ok()) << what;
    EXPECT_EQ(view.status().code(), Code::kNotSameHost) << what;
    const auto hold = Join(Spec(0));
    EXPECT_FALSE(hold.ok()) << what;
  }
};

TEST_F(HoldForeign, WhatIsNotThisEnginesFileIsRefused) {
  const auto missing = View();
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.status().code(), Code::kNotSameHost);

  std::ofstream{path()};
  ExpectNotSameHost("empty");
  std::ofstream(path()) << std::string(1000, 'x');
  ExpectNotSameHost("foreign");
  ASSERT_EQ(::unlink(path().c_str()), 0);
  ASSERT_EQ(::symlink("/dev/null", path().c_str()), 0);
  ExpectNotSameHost("a symbolic link");
  ASSERT_EQ(::unlink(path().c_str()), 0);

  ASSERT_TRUE(Join(Spec(0)).ok());
  ASSERT_TRUE(View().ok());
  EXPECT_EQ(View(2).status().code(), Code::kNotSameHost) << "another number of ranks";
  EXPECT_EQ(Join(Spec(0, 2)).status().code(), Code::kNotSameHost);
  EXPECT_EQ(HoldView::Open(folder(), pool_id_, engine_id_, 1, kPages + 1).status().code(),
            Code::kNotSameHost);

  // Another engine's file under this one's name.
  const std::string other = folder().HoldPath(pool_id_, SomeEngine(0x55));
  ASSERT_EQ(::rename(path().c_str(), other.c_str()), 0);
  EXPECT_EQ(HoldView::Open(folder(), pool_id_, SomeEngine(0x55), 1, kPages).status().code(),
            Code::kNotSameHost);
  ASSERT_EQ(::rename(other.c_str(), path().c_str()), 0);

  struct stat found{};
  ASSERT_EQ(::stat(path().c_str(), &found), 0);
  ASSERT_EQ(::truncate(path().c_str(), found.st_size - 8), 0);
  ExpectNotSameHost("truncated");
}

TEST_F(HoldForeign, AnotherLayoutVersionIsNamed) {
  ASSERT_TRUE(Join(Spec(0)).ok());
  std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(8).put(static_cast<char>(kSharedLayoutVersion + 1));
  file.close();
  EXPECT_EQ(View().status().code(), Code::kNotSameHost);
  EXPECT_EQ(Join(Spec(0)).status().code(), Code::kLayoutVersion);
}

TEST_F(HoldForeign, AFileCutShortUnderTheServerHoldsEverything) {
  const auto hold = Must(Join(Spec(0)));
  const auto view = Must(View());
  ASSERT_EQ(::truncate(path().c_str(), 100), 0);
  EXPECT_TRUE(view->PageHeld(0));
  EXPECT_FALSE(view->Proves(0, NonceOf(0)));
  EXPECT_EQ(view->HeldPages(), 0u);
  ASSERT_EQ(::truncate(path().c_str(), 64 + 2 * 64 + kPages / 8),
            0);  // for the holder's last write
}

TEST_F(HoldForeign, SpecsOutOfBoundsAreRefused) {
  const auto code_of = [this](auto change) {
    HoldSpec spec = Spec(0);
    change(spec);
    return Join(spec).status().code();
  };
  EXPECT_EQ(code_of([](HoldSpec& spec) { spec.rank_count = 0; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](HoldSpec& spec) { spec.rank_count = kRanksMax + 1; }),
            Code::kInvalidArgument);
  EXPECT_EQ(code_of([](HoldSpec& spec) { spec.record = 2; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](HoldSpec& spec) { spec.slab_bytes = 0; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](HoldSpec& spec) { spec.slab_bytes = 5000; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](HoldSpec& spec) { spec.slab_bytes = 2 * kSlabBytesMax; }),
            Code::kInvalidArgument);
  EXPECT_EQ(code_of([](HoldSpec& spec) { spec.ordinal_capacity = 0; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](HoldSpec& spec) { spec.ordinal_capacity = kSlabOrdinalsMax + 1; }),
            Code::kInvalidArgument);
  EXPECT_FALSE(Exists(path()));
}

}  // namespace
}  // namespace pega
