// A block's states, chains, and what lookups see.
#include "pool/pool_fixture.h"

namespace pega {
namespace {

class BlockLife : public PoolFixture {};

TEST_F(BlockLife, IsFoundOnlyWhenSealed) {
  Open(2);
  const EngineHandle engine = NewEngineOf({64 << 10});
  const Hashes chain = Chain(1, 4);
  const Reserved reserved = Reserve(engine, 1, chain);
  ASSERT_TRUE(reserved.status.ok());
  EXPECT_EQ(reserved.Count(ReserveOutcome::kSlot), 4u);
  EXPECT_EQ(CountSealed(engine, chain), 0u);
  EXPECT_EQ(Reserve(engine, 2, chain).Count(ReserveOutcome::kInFlight), 4u);
  EXPECT_EQ(SealAll(engine, 1, reserved).value(), 4u);
  EXPECT_EQ(CountSealed(engine, chain), 4u);
  EXPECT_EQ(Reserve(engine, 3, chain).Count(ReserveOutcome::kSealed), 4u);
  EXPECT_EQ(Lease(engine, 4, chain), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(slots_[i], reserved.slots[i].address);
  ExpectSound();
}

TEST_F(BlockLife, LeaseStopsAtTheFirstGap) {
  Open(2);
  const EngineHandle engine = NewEngineOf({64 << 10});
  Store(engine, 1, Chain(1, 2));
  Store(engine, 2, Chain(1, 2, 3));
  EXPECT_EQ(Lease(engine, 3, Chain(1, 5)), 2u);
  EXPECT_EQ(Lookup(engine, Chain(1, 5)), (std::vector<std::uint8_t>{1, 1, 0, 1, 1}));
  ExpectSound();
}

TEST_F(BlockLife, AHashThatComesTwiceGetsOneSlot) {
  Open(2);
  const EngineHandle engine = NewEngineOf({64 << 10});
  Hashes twice = Chain(1, 1);
  const Hashes once = twice;
  twice.insert(twice.end(), once.begin(), once.end());
  const Reserved reserved = Reserve(engine, 1, twice);
  EXPECT_EQ(reserved.outcomes[0], ReserveOutcome::kSlot);
  EXPECT_EQ(reserved.outcomes[1], ReserveOutcome::kInFlight);
  EXPECT_EQ(SealAll(engine, 1, reserved).value(), 1u);
  EXPECT_EQ(Lease(engine, 2, twice), 2u);
  ExpectSound();
  EXPECT_TRUE(Release(engine, 2));
  ExpectSound();
}

TEST_F(BlockLife, HashesOfEightBytesAndPartsOfHashes) {
  Open(1);
  NamespaceSpec spec;
  spec.hash_bytes = 8;
  spec.rank_slot_bytes = {4096};
  const NamespaceHandle name_space = pool_->OpenNamespace(spec).value();
  const EngineHandle engine = pool_->AddEngine(name_space).value();
  std::vector<std::uint8_t> hashes(8 * 100);
  for (std::size_t i = 0; i < 100; ++i) hashes[i * 8] = static_cast<std::uint8_t>(i);
  std::vector<ReserveOutcome> outcomes(100);
  std::vector<ReservedSlot> slots(100);
  ASSERT_TRUE(pool_->Reserve(engine, 1, true, {}, hashes, outcomes, slots).ok());
  for (const ReserveOutcome outcome : outcomes) EXPECT_EQ(outcome, ReserveOutcome::kSlot);
  std::vector<std::uint8_t> sealed(100);
  EXPECT_EQ(pool_->Lookup(engine, std::span(hashes).first(12), sealed).code(),
            Code::kInvalidArgument);
  ExpectSound();
}

// 256 slots of 64 KiB a slab, one slab: room for 256 blocks, of which one engine may hold 128.
TEST_F(BlockLife, ChainsLoseTheirEndFirst) {
  Open(1);
  const EngineHandle engine = NewEngineOf({64 << 10});
  for (std::uint64_t chain = 0; chain < 4; ++chain) Store(engine, 10 + chain, Chain(chain, 64));
  EXPECT_EQ(pool_->stats().blocks_sealed, 256u);
  // Touch all but chain 2, each by a lease, then need 16 slots.
  for (const std::uint64_t chain : {0, 1, 3}) {
    EXPECT_EQ(Lease(engine, 20 + chain, Chain(chain, 64)), 64u);
    EXPECT_TRUE(Release(engine, 20 + chain));
  }
  EXPECT_EQ(Store(engine, 30, Chain(9, 16)), 16u);
  EXPECT_EQ(CountSealed(engine, Chain(2, 48)), 48u);
  EXPECT_EQ(CountSealed(engine, Chain(2, 16, 48)), 0u);
  for (const std::uint64_t chain : {0, 1, 3}) EXPECT_EQ(CountSealed(engine, Chain(chain, 64)), 64u);
  EXPECT_EQ(pool_->stats().evicted_total, 16u);
  ExpectSound();
}

TEST_F(BlockLife, SealedBlocksComeRightBehindTheirParent) {
  Open(1);
  const EngineHandle engine = NewEngineOf({64 << 10});
  Store(engine, 1, Chain(1, 32));
  Store(engine, 2, Chain(2, 100));
  // The continuation of the older chain 1 is sealed last, and yet goes before chain 1's head.
  Reserved more = Reserve(engine, 3, Chain(1, 32, 32), true, Chain(1, 1, 31));
  EXPECT_EQ(SealAll(engine, 3, more).value(), 32u);
  EXPECT_EQ(Store(engine, 4, Chain(3, 92)), 92u);
  EXPECT_EQ(pool_->stats().blocks_sealed, 256u);
  EXPECT_EQ(Store(engine, 5, Chain(4, 40)), 40u);
  EXPECT_EQ(CountSealed(engine, Chain(1, 32, 32)), 0u);
  EXPECT_EQ(CountSealed(engine, Chain(1, 24)), 24u);
  EXPECT_EQ(CountSealed(engine, Chain(1, 8, 24)), 0u);
  EXPECT_EQ(CountSealed(engine, Chain(2, 100)), 100u);
  ExpectSound();
}

TEST_F(BlockLife, ReleaseTouchesWhatTheEngineHadItself) {
  Open(1);
  const EngineHandle engine = NewEngineOf({64 << 10});
  Store(engine, 1, Chain(1, 64));
  Store(engine, 2, Chain(2, 128));
  Store(engine, 3, Chain(3, 64));
  // Only the end of chain 1 is leased; its head must not be evicted before its end for that.
  EXPECT_EQ(Lease(engine, 4, Chain(1, 32, 32)), 32u);
  EXPECT_FALSE(Release(engine, 4, 40));
  EXPECT_TRUE(Release(engine, 4, 40));
  EXPECT_EQ(Store(engine, 5, Chain(4, 128)), 128u);
  EXPECT_EQ(CountSealed(engine, Chain(1, 64)), 64u);
  EXPECT_EQ(CountSealed(engine, Chain(2, 128)), 0u);
  ExpectSound();
}

TEST_F(BlockLife, PinnedAndReservedBlocksAreNotEvicted) {
  Open(1);
  const EngineHandle holder = NewEngineOf({64 << 10});
  const EngineHandle writer = NewEngine(0);
  Store(holder, 1, Chain(1, 64));
  EXPECT_EQ(Lease(holder, 2, Chain(1, 64)), 64u);
  const Reserved in_flight = Reserve(holder, 3, Chain(2, 64));
  EXPECT_EQ(in_flight.Count(ReserveOutcome::kSlot), 64u);
  const Reserved rest = Reserve(writer, 1, Chain(3, 128));
  EXPECT_EQ(rest.Count(ReserveOutcome::kSlot), 128u);
  const Reserved full = Reserve(writer, 2, Chain(4, 1));
  EXPECT_EQ(full.outcomes[0], ReserveOutcome::kFull);
  const EngineHandle third = NewEngine(0);
  EXPECT_EQ(Reserve(third, 1, Chain(5, 3)).Count(ReserveOutcome::kFull), 3u);
  EXPECT_EQ(pool_->stats().full_total, 4u);
  ExpectSound();
  EXPECT_TRUE(Release(holder, 2));
  EXPECT_EQ(Reserve(third, 2, Chain(5, 3)).Count(ReserveOutcome::kSlot), 3u);
  ExpectSound();
}

TEST_F(BlockLife, AnEngineHoldsAtMostHalfThePoolSharedBlocksOnce) {
  Open(1);
  const EngineHandle engine = NewEngineOf({64 << 10});
  const EngineHandle other = NewEngine(0);
  Store(engine, 1, Chain(1, 100));
  Store(engine, 2, Chain(2, 100));
  EXPECT_EQ(Lease(engine, 3, Chain(1, 100)), 100u);
  EXPECT_EQ(Lease(engine, 4, Chain(1, 100)), 100u);  // the same blocks: nothing more
  EXPECT_EQ(pool_->engines()[0].held_bytes, 100u * (64 << 10));
  EXPECT_EQ(Lease(engine, 5, Chain(2, 100)), 28u);
  EXPECT_EQ(Reserve(engine, 6, Chain(3, 1)).outcomes[0], ReserveOutcome::kFull);
  EXPECT_EQ(Lease(other, 1, Chain(2, 100)), 100u);
  EXPECT_TRUE(Release(engine, 3));
  EXPECT_EQ(Reserve(engine, 7, Chain(3, 1)).outcomes[0], ReserveOutcome::kFull);
  EXPECT_TRUE(Release(engine, 4));
  EXPECT_EQ(Reserve(engine, 8, Chain(3, 1)).outcomes[0], ReserveOutcome::kSlot);
  ExpectSound();
}

}  // namespace
}  // namespace pega
