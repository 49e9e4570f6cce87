// Ids: idempotence, tombstones, watermarks, generations, and what wrong calls are told.
#include "pool/pool_fixture.h"

namespace pega {
namespace {

class Ids : public PoolFixture {
 protected:
  void SetUp() override {
    Open(2);
    engine_ = NewEngineOf({64 << 10});
  }
  Code SealCode(std::uint64_t id, std::vector<std::uint32_t> indices,
                std::vector<std::uint64_t> generations) {
    return pool_->Seal(engine_, id, {indices, generations}).status().code();
  }
  EngineHandle engine_ = 0;
};

TEST_F(Ids, ALeaseIdIsUsedOnce) {
  Store(engine_, 1, Chain(1, 8));
  EXPECT_EQ(Lease(engine_, 2, Chain(1, 4)), 4u);
  EXPECT_EQ(LeaseCode(engine_, 2, Chain(1, 4)), Code::kIdReused);
  EXPECT_EQ(Lease(engine_, 2, Chain(1, 4, 4), false), 4u);
  EXPECT_FALSE(Release(engine_, 2, 5));
  EXPECT_EQ(LeaseCode(engine_, 2, Chain(1, 1), false), Code::kNotFound);
  EXPECT_TRUE(Release(engine_, 2, 5));
  EXPECT_TRUE(Release(engine_, 2));  // repeated
  EXPECT_EQ(LeaseCode(engine_, 2, Chain(1, 4)), Code::kIdReused);
  EXPECT_EQ(LeaseCode(engine_, 3, Chain(1, 4), false), Code::kNotFound);
  EXPECT_EQ(pool_->stats().tombstones, 0u);
  ExpectSound();
}

TEST_F(Ids, ReleaseBeforeItsLeaseLeavesATombstone) {
  Store(engine_, 1, Chain(1, 8));
  EXPECT_TRUE(Release(engine_, 5));
  EXPECT_EQ(pool_->stats().tombstones, 1u);
  EXPECT_EQ(LeaseCode(engine_, 5, Chain(1, 4)), Code::kCancelled);
  EXPECT_EQ(LeaseCode(engine_, 5, Chain(1, 4)), Code::kCancelled);
  EXPECT_EQ(pool_->stats().blocks_pinned, 0u);
  EXPECT_TRUE(pool_->RaiseWatermark(engine_, 6).ok());
  EXPECT_EQ(pool_->stats().tombstones, 0u);
  EXPECT_EQ(LeaseCode(engine_, 5, Chain(1, 4)), Code::kIdReused);
  EXPECT_TRUE(Release(engine_, 5));
  EXPECT_EQ(pool_->stats().tombstones, 0u);
}

TEST_F(Ids, AbandonBeforeItsReserveLeavesATombstone) {
  const std::vector<std::uint32_t> indices = {0, 1};
  EXPECT_TRUE(pool_->Abandon(engine_, 5, indices).ok());
  EXPECT_TRUE(pool_->AbandonAll(engine_, 6, 100).value());
  EXPECT_EQ(Reserve(engine_, 5, Chain(1, 2)).status.code(), Code::kCancelled);
  EXPECT_EQ(Reserve(engine_, 6, Chain(1, 2)).status.code(), Code::kCancelled);
  EXPECT_EQ(pool_->stats().tombstones, 2u);
  EXPECT_EQ(pool_->stats().blocks_reserved, 0u);
}

TEST_F(Ids, LeasesAndReservationsShareTheirIds) {
  Store(engine_, 1, Chain(1, 2));
  EXPECT_EQ(Lease(engine_, 2, Chain(1, 2)), 2u);
  EXPECT_EQ(Reserve(engine_, 2, Chain(2, 2)).status.code(), Code::kIdReused);
  EXPECT_EQ(pool_->AbandonAll(engine_, 2, 10).status().code(), Code::kIdReused);
  EXPECT_TRUE(Reserve(engine_, 3, Chain(2, 2)).status.ok());
  EXPECT_EQ(pool_->Release(engine_, 3, 10).status().code(), Code::kIdReused);
  EXPECT_EQ(LeaseCode(engine_, 3, Chain(1, 2)), Code::kIdReused);
  ExpectSound();
}

TEST_F(Ids, TheWatermarkKeepsWhatIsOpen) {
  Store(engine_, 1, Chain(1, 2));
  EXPECT_EQ(Lease(engine_, 2, Chain(1, 2)), 2u);
  const Reserved reserved = Reserve(engine_, 3, Chain(2, 2));
  EXPECT_EQ(Lease(engine_, 4, Chain(3, 2)), 0u);  // granted nothing: nobody will release it
  EXPECT_TRUE(pool_->RaiseWatermark(engine_, 100).ok());
  EXPECT_EQ(pool_->stats().leases, 1u);
  EXPECT_EQ(pool_->stats().reservations, 1u);
  EXPECT_EQ(LeaseCode(engine_, 99, Chain(1, 2)), Code::kIdReused);
  EXPECT_EQ(SealAll(engine_, 3, reserved).value(), 2u);
  EXPECT_EQ(pool_->stats().reservations, 0u);
  EXPECT_TRUE(Release(engine_, 2));
  EXPECT_EQ(pool_->stats().leases, 0u);
  EXPECT_TRUE(pool_->RaiseWatermark(engine_, 5).ok());  // it never falls
  EXPECT_EQ(LeaseCode(engine_, 99, Chain(1, 2)), Code::kIdReused);
  EXPECT_EQ(Lease(engine_, 100, Chain(2, 2)), 2u);
  ExpectSound();
}

TEST_F(Ids, AnEngineHasABoundOfOpenIds) {
  for (std::uint64_t id = 0; id < kOpenIdsPerEngineMax; ++id) {
    ASSERT_TRUE(pool_->Release(engine_, id, 1).ok());
  }
  EXPECT_EQ(pool_->Release(engine_, kOpenIdsPerEngineMax, 1).status().code(), Code::kLimit);
  EXPECT_EQ(LeaseCode(engine_, kOpenIdsPerEngineMax, Chain(1, 1)), Code::kLimit);
  EXPECT_EQ(Reserve(engine_, kOpenIdsPerEngineMax, Chain(1, 1)).status.code(), Code::kLimit);
  for (std::uint32_t call = 0; call < kOpenIdsPerEngineMax / kHashesPerBatch; ++call) {
    ASSERT_TRUE(pool_->RaiseWatermark(engine_, kOpenIdsPerEngineMax).ok());
  }
  EXPECT_EQ(pool_->stats().tombstones, 0u);
  EXPECT_TRUE(Reserve(engine_, kOpenIdsPerEngineMax, Chain(1, 1)).status.ok());
}

TEST_F(Ids, SealIsRepeatedWithoutHarm) {
  const Reserved reserved = Reserve(engine_, 1, Chain(1, 4));
  EXPECT_EQ(SealAll(engine_, 1, reserved).value(), 4u);
  EXPECT_EQ(SealAll(engine_, 1, reserved).value(), 0u);
  EXPECT_EQ(pool_->stats().sealed_total, 4u);
  const std::vector<std::uint32_t> all = {0, 1, 2, 3};
  EXPECT_TRUE(pool_->Abandon(engine_, 1, all).ok());  // sealed ones stay
  EXPECT_EQ(CountSealed(engine_, Chain(1, 4)), 4u);
  EXPECT_TRUE(pool_->AbandonAll(engine_, 1, 10).value());
  EXPECT_EQ(CountSealed(engine_, Chain(1, 4)), 4u);
  EXPECT_EQ(SealAll(engine_, 1, reserved).status().code(), Code::kNotReserved);
}

TEST_F(Ids, AWrongSealSealsNothing) {
  const Reserved reserved = Reserve(engine_, 1, Chain(1, 3));
  const std::uint64_t generation[3] = {reserved.slots[0].generation, reserved.slots[1].generation,
                                       reserved.slots[2].generation};
  EXPECT_EQ(SealCode(1, {0, 1}, {generation[0], generation[1] + 1}), Code::kNotReserved);
  EXPECT_EQ(SealCode(1, {0, 3}, {generation[0], 1}), Code::kNotReserved);
  EXPECT_EQ(SealCode(2, {0}, {generation[0]}), Code::kNotReserved);
  EXPECT_EQ(SealCode(1, {0, 1}, {generation[0]}), Code::kInvalidArgument);
  EXPECT_EQ(CountSealed(engine_, Chain(1, 3)), 0u);
  const std::vector<std::uint32_t> second = {1};
  EXPECT_TRUE(pool_->Abandon(engine_, 1, second).ok());
  EXPECT_TRUE(pool_->Abandon(engine_, 1, second).ok());
  EXPECT_EQ(SealCode(1, {0, 1}, {generation[0], generation[1]}), Code::kNotReserved);
  EXPECT_EQ(SealCode(1, {0, 2}, {generation[0], generation[2]}), Code::kOk);
  EXPECT_EQ(Lookup(engine_, Chain(1, 3)), (std::vector<std::uint8_t>{1, 0, 1}));
  // Blocks that were sealed already when they were reserved got no slot.
  const Reserved again = Reserve(engine_, 3, Chain(1, 3));
  EXPECT_EQ(again.outcomes[0], ReserveOutcome::kSealed);
  EXPECT_EQ(SealCode(3, {0}, {generation[0]}), Code::kNotReserved);
  ExpectSound();
}

TEST_F(Ids, AFreedSlotGetsANewGeneration) {
  const Reserved kept = Reserve(engine_, 1, Chain(1, 1));  // keeps the slab from being cut anew
  const Reserved before = Reserve(engine_, 2, Chain(2, 1));
  EXPECT_TRUE(pool_->AbandonAll(engine_, 2, 1).value());
  Reserved after;
  std::uint64_t id = 3;
  do {  // next fit comes round to the slot
    after = Reserve(engine_, id, Chain(2, 1));
    ASSERT_EQ(after.outcomes[0], ReserveOutcome::kSlot);
    if (after.slots[0].address == before.slots[0].address) break;
    EXPECT_TRUE(pool_->AbandonAll(engine_, id, 1).value());
  } while (++id < 2000);
  EXPECT_EQ(after.slots[0].address, before.slots[0].address);
  EXPECT_EQ(after.slots[0].generation, before.slots[0].generation + 1);
  EXPECT_EQ(SealAll(engine_, id, before).status().code(), Code::kNotReserved);
  EXPECT_EQ(CountSealed(engine_, Chain(2, 1)), 0u);
}

TEST_F(Ids, BadArgumentsAreNamedAndChangeNothing) {
  EXPECT_EQ(LeaseCode(77, 1, {}), Code::kNotFound);
  Hashes odd = Chain(1, 1);
  odd.pop_back();
  std::vector<std::uint8_t> sealed(2000);
  EXPECT_EQ(pool_->Lookup(engine_, odd, sealed).code(), Code::kInvalidArgument);
  EXPECT_EQ(pool_->Lookup(engine_, Chain(1, 1025), sealed).code(), Code::kInvalidArgument);
  EXPECT_EQ(Reserve(engine_, 1, Chain(1, 1), true, odd).status.code(), Code::kInvalidArgument);
  std::vector<SlotAddress> few(1);
  EXPECT_EQ(pool_->Lease(engine_, 1, true, Chain(1, 2), few).status().code(),
            Code::kInvalidArgument);
  EXPECT_TRUE(Reserve(engine_, 1, Chain(1, 1)).status.ok());  // the id is still free
  EXPECT_EQ(Reserve(engine_, 1, Chain(1, 1), true).status.code(), Code::kIdReused);
  EXPECT_EQ(pool_->EndStores(engine_, 1).status().code(), Code::kInvalidArgument);
  NamespaceSpec spec;
  EXPECT_EQ(pool_->OpenNamespace(spec).status().code(), Code::kInvalidArgument);
  spec.rank_slot_bytes = {0};
  EXPECT_EQ(pool_->OpenNamespace(spec).status().code(), Code::kInvalidArgument);
  spec.rank_slot_bytes = {17 * kMiB};
  EXPECT_EQ(pool_->OpenNamespace(spec).status().code(), Code::kInvalidArgument);
  spec.rank_slot_bytes = {~std::uint64_t{0}};
  EXPECT_EQ(pool_->OpenNamespace(spec).status().code(), Code::kInvalidArgument);
  spec.rank_slot_bytes = {4096};
  spec.hash_bytes = 33;
  EXPECT_EQ(pool_->OpenNamespace(spec).status().code(), Code::kInvalidArgument);
  spec.hash_bytes = 32;
  const Result<NamespaceHandle> known = pool_->OpenNamespace(spec);
  EXPECT_EQ(pool_->OpenNamespace(spec).value(), known.value());
  spec.rank_slot_bytes = {8192};
  EXPECT_EQ(pool_->OpenNamespace(spec).status().code(), Code::kAlreadyExists);
  EXPECT_EQ(pool_->AddEngine(99).status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace pega
