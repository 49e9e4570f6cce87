// Namespaces that nobody uses any more make room for new ones.
#include "base/limits.h"
#include "pool/pool_fixture.h"

namespace pega {
namespace {

class Namespaces : public PoolFixture {
 protected:
  Result<NamespaceHandle> OpenNumber(std::uint32_t number, std::uint64_t slot_bytes = 65536) {
    NamespaceSpec spec;
    spec.digest[0] = static_cast<std::uint8_t>(number);
    spec.digest[1] = static_cast<std::uint8_t>(number >> 8);
    spec.rank_slot_bytes = {slot_bytes};
    return pool_->OpenNamespace(spec);
  }
};

TEST_F(Namespaces, OneWithoutEnginesAndWithFewestBlocksGoesForANewOne) {
  Open(3);
  for (std::uint32_t i = 0; i < kNamespacesMax; ++i) ASSERT_TRUE(OpenNumber(i).ok());
  const EngineHandle in_use = pool_->AddEngine(0).value();
  Store(in_use, 1, Chain(1, 4));
  const EngineHandle left = pool_->AddEngine(1).value();
  Store(left, 1, Chain(2, 2));
  ASSERT_TRUE(pool_->EndLeases(left, 1024).value());
  ASSERT_TRUE(pool_->EndStores(left, 1024).value());

  const NamespaceHandle reused = OpenNumber(1000, 4096).value();
  EXPECT_GT(reused, 1u) << "others have no blocks at all";
  EXPECT_EQ(pool_->namespaces().size(), kNamespacesMax);
  EXPECT_EQ(pool_->stats().blocks_sealed, 6u);
  const EngineHandle engine = pool_->AddEngine(reused).value();
  EXPECT_EQ(Store(engine, 1, Chain(3, 5)), 5u);
  EXPECT_EQ(CountSealed(in_use, Chain(1, 4)), 4u);
  ExpectSound();
}

TEST_F(Namespaces, ItsBlocksAreEvicted) {
  Open(3);
  for (std::uint32_t i = 0; i < kNamespacesMax; ++i) {
    const NamespaceHandle ns = OpenNumber(i).value();
    const EngineHandle engine = pool_->AddEngine(ns).value();
    if (i == 7) {
      Store(engine, 1, Chain(7, 3));
      ASSERT_TRUE(pool_->EndLeases(engine, 1024).value());
      ASSERT_TRUE(pool_->EndStores(engine, 1024).value());
    }
  }
  EXPECT_EQ(OpenNumber(1000).value(), 7u);
  EXPECT_EQ(pool_->stats().blocks_sealed, 0u);
  EXPECT_EQ(pool_->stats().evicted_total, 3u);
  const EngineHandle engine = pool_->AddEngine(7).value();
  EXPECT_EQ(CountSealed(engine, Chain(7, 3)), 0u) << "another namespace: the same hashes are misses";
  EXPECT_EQ(OpenNumber(1001).status().code(), Code::kLimit) << "every one has an engine";
  ExpectSound();
}

}  // namespace
}  // namespace pega
