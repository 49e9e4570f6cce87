// Slot classes: several ranks, neighbours, and that classes cannot starve each other.
#include <algorithm>

#include "pool/pool_fixture.h"

namespace pega {
namespace {

class Classes : public PoolFixture {
 protected:
  std::uint32_t SlabsOf(NamespaceHandle name_space) {
    std::uint32_t count = 0;
    for (const SlabStats& slab : pool_->slabs()) {
      count += slab.state == SlabStats::State::kCut && slab.name_space == name_space;
    }
    return count;
  }
};

TEST_F(Classes, RanksOfDifferentSlotBytes) {
  Open(4);
  const EngineHandle engine = NewEngineOf({64 << 10, (64 << 10) - 5, 100, 1 << 20});
  const Reserved reserved = Reserve(engine, 1, Chain(1, 8));
  ASSERT_EQ(reserved.Count(ReserveOutcome::kSlot), 8u);
  for (std::uint32_t rank = 0; rank < 4; ++rank) {
    const std::uint32_t pages[] = {16, 16, 1, 256};
    for (std::uint32_t i = 1; i < 8; ++i) {
      const SlotAddress before = reserved.slots[(i - 1) * 4 + rank].address;
      const SlotAddress here = reserved.slots[i * 4 + rank].address;
      EXPECT_EQ(here.slab_ordinal, before.slab_ordinal);
      EXPECT_EQ(here.page, before.page + pages[rank]);  // neighbours in chain order
    }
  }
  EXPECT_EQ(SealAll(engine, 1, reserved).value(), 8u);
  EXPECT_EQ(Lease(engine, 2, Chain(1, 8)), 8u);
  for (std::size_t i = 0; i < 32; ++i) EXPECT_EQ(slots_[i], reserved.slots[i].address);
  EXPECT_EQ(pool_->stats().used_bytes, 8u * ((128 << 10) + 4096 + (1 << 20)));
  ExpectSound();
}

TEST_F(Classes, AFragmentedSlabStillGivesRuns) {
  Open(1);
  const EngineHandle engine = NewEngineOf({64 << 10});
  for (std::uint64_t i = 0; i < 8; ++i) Store(engine, i + 1, Chain(i, 32));
  // Every second chain is touched; the others' places are free runs of 32 once evicted.
  for (std::uint64_t i = 0; i < 8; i += 2) EXPECT_EQ(CountSealed(engine, Chain(i, 32)), 32u);
  const Reserved reserved = Reserve(engine, 20, Chain(50, 96));
  EXPECT_EQ(reserved.Count(ReserveOutcome::kSlot), 96u);
  int breaks = 0;
  for (std::size_t i = 1; i < 96; ++i) {
    breaks += reserved.slots[i].address.page != reserved.slots[i - 1].address.page + 16;
  }
  EXPECT_LE(breaks, 3);
  ExpectSound();
}

TEST_F(Classes, AClassWithoutASlabTakesTheColdestOfAnother) {
  Open(3);
  const EngineHandle big = NewEngineOf({1 << 20});
  const EngineHandle small = NewEngineOf({4096});
  for (std::uint64_t i = 0; i < 6; ++i) Store(big, i + 1, Chain(i, 8));  // 48 slots: all slabs
  EXPECT_EQ(SlabsOf(0), 3u);
  EXPECT_EQ(Store(small, 1, Chain(100, 1000)), 1000u);
  EXPECT_EQ(SlabsOf(0), 2u);
  EXPECT_EQ(SlabsOf(1), 1u);
  EXPECT_EQ(CountSealed(big, Chain(5, 8)), 8u);  // the warmest stayed
  ExpectSound();
}

TEST_F(Classes, AnIdleClassGivesWayBothWays) {
  Open(4);
  const EngineHandle first = NewEngineOf({1 << 20});
  const EngineHandle second = NewEngineOf({512 << 10});
  std::uint64_t id = 1;
  for (std::uint64_t round = 0; round < 16; ++round) {
    ++id;
    Store(first, id, Chain(id, 8));
  }
  EXPECT_EQ(SlabsOf(0), 4u);
  for (std::uint64_t round = 0; round < 16; ++round) {
    ++id;
    EXPECT_EQ(Store(second, id, Chain(id, 16)), 16u);
  }
  EXPECT_EQ(SlabsOf(1), 4u);
  for (std::uint64_t round = 0; round < 16; ++round) {
    ++id;
    EXPECT_EQ(Store(first, id, Chain(id, 8)), 8u);
  }
  EXPECT_EQ(SlabsOf(0), 4u);
  ExpectSound();
}

TEST_F(Classes, TwoBusyClassesBothKeepSlabs) {
  Open(4);
  const EngineHandle first = NewEngineOf({1 << 20});
  const EngineHandle second = NewEngineOf({512 << 10});
  std::uint64_t id = 1;
  for (std::uint64_t round = 0; round < 64; ++round) {
    ++id;
    EXPECT_EQ(Store(first, id, Chain(id, 4)), 4u);
    ++id;
    EXPECT_EQ(Store(second, id, Chain(id, 8)), 8u);
    ASSERT_GE(SlabsOf(0), 1u);
  }
  EXPECT_GE(SlabsOf(1), 1u);
  ExpectSound();
}

TEST_F(Classes, HeldSlabsAreNotTaken) {
  Open(2);
  const EngineHandle first = NewEngineOf({1 << 20});
  const EngineHandle other_first = NewEngine(0);
  const EngineHandle second = NewEngineOf({4096});
  for (std::uint64_t i = 0; i < 2; ++i) Store(first, i + 1, Chain(i, 16));
  EXPECT_EQ(Lease(first, 10, Chain(0, 16)), 16u);
  EXPECT_EQ(Lease(other_first, 10, Chain(1, 1)), 1u);
  EXPECT_EQ(Reserve(second, 1, Chain(5, 10)).Count(ReserveOutcome::kFull), 10u);
  EXPECT_TRUE(Release(other_first, 10));
  EXPECT_EQ(Reserve(second, 2, Chain(5, 10)).Count(ReserveOutcome::kSlot), 10u);
  EXPECT_EQ(CountSealed(first, Chain(0, 16)), 16u);
  EXPECT_EQ(CountSealed(first, Chain(1, 16)), 0u);
  ExpectSound();
}

// 4,096 blocks in the slab that must go: four calls' work.
TEST_F(Classes, DrainingALargeSlabTakesSeveralCalls) {
  Open(2);
  const EngineHandle small = NewEngineOf({4096});
  const EngineHandle big = NewEngineOf({1 << 20});
  std::uint64_t id = 1;
  for (std::uint64_t i = 0; i < 8; ++i) EXPECT_EQ(Store(small, id++, Chain(i, 1024)), 1024u);
  EXPECT_EQ(Reserve(big, 1, Chain(100, 4)).Count(ReserveOutcome::kFull), 4u);
  ExpectSound();
  // What drains is not found any more, and is stored anew elsewhere.
  const std::uint32_t left =
      CountSealed(small, Chain(3, 1024)) + CountSealed(small, Chain(2, 1024)) +
      CountSealed(small, Chain(1, 1024)) + CountSealed(small, Chain(0, 1024));
  EXPECT_EQ(left, 0u);
  int polls = 0;
  while (SlabsOf(1) == 0) {
    pool_->Poll();
    ASSERT_LT(++polls, 10);
  }
  EXPECT_EQ(Reserve(big, 2, Chain(100, 4)).Count(ReserveOutcome::kSlot), 4u);
  EXPECT_EQ(pool_->stats().evicted_total, 4096u);
  ExpectSound();
}

TEST_F(Classes, ABlockIsStoredAnewWhileItsOldSlabDrains) {
  Open(2);
  const EngineHandle small = NewEngineOf({4096});
  const EngineHandle big = NewEngineOf({1 << 20});
  std::uint64_t id = 1;
  for (std::uint64_t i = 0; i < 8; ++i) Store(small, id++, Chain(i, 1024));
  EXPECT_EQ(Reserve(big, 1, Chain(100, 4)).Count(ReserveOutcome::kFull), 4u);
  // The end of the drained slab has not been swept: its blocks are still there, but gone.
  EXPECT_EQ(Store(small, id++, Chain(3, 1024)), 1024u);
  EXPECT_EQ(CountSealed(small, Chain(3, 1024)), 1024u);
  ExpectSound();
}

TEST_F(Classes, MoreClassesThanSlabsIsFullNotAFight) {
  Open(1);
  const EngineHandle engine = NewEngineOf({1 << 20, 4096});
  for (std::uint64_t id = 1; id < 5; ++id) {
    EXPECT_EQ(Reserve(engine, id, Chain(1, 4)).Count(ReserveOutcome::kFull), 4u);
    ExpectSound();
  }
  const EngineHandle other = NewEngineOf({4096});
  EXPECT_EQ(Reserve(other, 1, Chain(1, 4)).Count(ReserveOutcome::kSlot), 4u);
  ExpectSound();
}

}  // namespace
}  // namespace pega
