// Files and engines: filling, former pools, a second server, slabs that change, engines that end.
#include <filesystem>

#include "pool/pool_fixture.h"

namespace pega {
namespace {

class PoolFiles : public PoolFixture {
 protected:
  std::vector<std::string> Files(const std::string& prefix) {
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::directory_iterator(pool_->folder().path())) {
      if (entry.path().filename().string().starts_with(prefix)) paths.push_back(entry.path());
    }
    return paths;
  }
  std::string SlabPath(std::uint32_t ordinal) {
    for (const std::string& path : Files("slab-")) {
      if (path.find("-" + std::to_string(ordinal) + "-") != std::string::npos) return path;
    }
    ADD_FAILURE() << "no file of slab " << ordinal;
    return "";
  }
  // With memory behind the slabs: CheckSlabs looks for it.
  void OpenFilled(std::uint32_t slabs) {
    PoolOptions options = Options(slabs);
    options.fill = true;
    Open(options);
  }
  void Truncate(std::uint32_t ordinal) {
    std::filesystem::resize_file(SlabPath(ordinal), 4096);
    std::vector<std::uint32_t> retired;
    for (std::uint32_t i = 0; i < pool_->slabs_total(); ++i) {
      for (const std::uint32_t one : pool_->CheckSlabs(1)) retired.push_back(one);
    }
    EXPECT_EQ(retired, std::vector<std::uint32_t>{ordinal});
  }
};

TEST_F(PoolFiles, FillsWithMemoryAndStopsOrderly) {
  PoolOptions options = Options(3);
  options.fill = true;
  Open(options);
  EXPECT_EQ(pool_->fill_progress().filled_bytes, 48 * kMiB);
  EXPECT_EQ(Files("slab-").size(), 3u);
  EXPECT_EQ(pool_->stats().slabs_free, 3u);
  const EngineHandle engine = NewEngineOf({4096});
  Store(engine, 1, Chain(1, 10));
  pool_->Close(std::chrono::seconds(60));
  EXPECT_TRUE(Files("slab-").empty());
  EXPECT_TRUE(Files("marks-").empty());
  EXPECT_EQ(Files("header").size(), 1u);
  EXPECT_EQ(LeaseCode(engine, 2, Chain(1, 10)), Code::kCancelled);
  EXPECT_EQ(pool_->OpenNamespace({}).status().code(), Code::kCancelled);
  pool_->Poll();
  pool_->Close(std::chrono::seconds(60));
  EXPECT_EQ(pool_->fill_progress().slabs_ready, 3u);
}

TEST_F(PoolFiles, DeferredFillingWaitsForItsStart) {
  PoolOptions options = Options(2);
  options.defer_fill = true;
  Result<std::unique_ptr<Pool>> made = Pool::Create(options);
  ASSERT_TRUE(made.ok());
  pool_ = std::move(made).value();
  pool_->Poll();
  EXPECT_TRUE(Files("slab-").empty());
  const EngineHandle engine = NewEngineOf({4096});
  EXPECT_EQ(Reserve(engine, 1, Chain(1, 2)).Count(ReserveOutcome::kFull), 2u);
  pool_->StartFilling();
  pool_->StartFilling();
  WaitUntilFilled();
  EXPECT_EQ(Reserve(engine, 2, Chain(1, 2)).Count(ReserveOutcome::kSlot), 2u);
}

TEST_F(PoolFiles, AStopWithoutTimeNamesTheSlabsThatAreLeft) {
  OpenFilled(3);
  const std::vector<std::string> left = pool_->Close(std::chrono::milliseconds(0));
  EXPECT_EQ(left.size(), 3u);
  for (const std::string& path : left) EXPECT_TRUE(std::filesystem::exists(path)) << path;
  EXPECT_TRUE(Files("marks-").empty());
  EXPECT_TRUE(pool_->Close(std::chrono::seconds(60)).empty());
  Open(1);  // a new server clears them too
  EXPECT_EQ(Files("slab-").size(), 1u);
}

TEST_F(PoolFiles, AStopWhileFillingLeavesNoSlab) {
  PoolOptions options = Options(8);
  options.fill = true;
  Result<std::unique_ptr<Pool>> made = Pool::Create(options);
  ASSERT_TRUE(made.ok());
  pool_ = std::move(made).value();
  pool_->Close(std::chrono::seconds(60));
  EXPECT_TRUE(Files("slab-").empty());
}

TEST_F(PoolFiles, ANewServerClearsTheFormerPool) {
  Open(2);
  const std::uint64_t boot = pool_->boot_number();
  const PoolId pool_id = pool_->pool_id();
  pool_.reset();  // as if it had crashed: nothing is unlinked
  Open(1);
  EXPECT_GT(pool_->boot_number(), boot);
  EXPECT_NE(pool_->pool_id(), pool_id);
  EXPECT_EQ(Files("slab-").size(), 1u);
  EXPECT_EQ(Files("marks-").size(), 1u);
}

TEST_F(PoolFiles, SizesThatMakeNoPoolAreRefused) {
  PoolOptions options = Options(1);
  options.pool_bytes = 15 * kMiB;
  EXPECT_EQ(Pool::Create(options).status().code(), Code::kInvalidArgument);
  options.pool_bytes = 64 * kMiB;
  options.slab_bytes = 17 * kMiB;
  EXPECT_EQ(Pool::Create(options).status().code(), Code::kInvalidArgument);
  options.slab_bytes = 0;
  options.pool_bytes = 70 * kMiB;
  Open(options);
  EXPECT_EQ(pool_->slab_bytes(), 16 * kMiB);
  EXPECT_EQ(pool_->slabs_total(), 4u);
}

TEST_F(PoolFiles, BlocksOfARetiredSlabAreNotFound) {
  OpenFilled(2);
  const EngineHandle engine = NewEngineOf({64 << 10});
  Store(engine, 1, Chain(1, 64));
  Store(engine, 2, Chain(2, 64));
  Truncate(pool_->slabs()[0].state == SlabStats::State::kCut ? 0 : 1);
  EXPECT_EQ(CountSealed(engine, Chain(1, 64)), 0u);
  EXPECT_EQ(pool_->stats().blocks_sealed, 0u);
  EXPECT_EQ(pool_->stats().lost_total, 128u);
  EXPECT_EQ(pool_->stats().evicted_total, 0u);
  EXPECT_EQ(pool_->stats().slabs_retired, 1u);
  EXPECT_EQ(Store(engine, 3, Chain(1, 64)), 64u);  // in the other slab
  EXPECT_TRUE(pool_->CheckSlabs(10).empty());
  ExpectSound();
}

TEST_F(PoolFiles, ASlabRetiresWhileLeasedAndReserved) {
  OpenFilled(2);
  const EngineHandle engine = NewEngineOf({64 << 10});
  Store(engine, 1, Chain(1, 8));
  EXPECT_EQ(Lease(engine, 2, Chain(1, 8)), 8u);
  const Reserved sealed_later = Reserve(engine, 3, Chain(2, 8));
  const Reserved abandoned_later = Reserve(engine, 4, Chain(3, 8));
  Truncate(slots_[0].slab_ordinal);
  EXPECT_EQ(CountSealed(engine, Chain(1, 8)), 0u);
  EXPECT_EQ(pool_->stats().blocks_pinned, 8u);
  ExpectSound();
  // The leased blocks are stored anew while their old slots are still in use.
  EXPECT_EQ(Store(engine, 5, Chain(1, 8)), 8u);
  EXPECT_EQ(Lease(engine, 6, Chain(1, 8)), 8u);
  ExpectSound();
  EXPECT_EQ(SealAll(engine, 3, sealed_later).value(), 0u);
  EXPECT_EQ(SealAll(engine, 3, sealed_later).value(), 0u);
  EXPECT_TRUE(pool_->AbandonAll(engine, 4, 100).value());
  EXPECT_TRUE(Release(engine, 2));
  EXPECT_EQ(CountSealed(engine, Chain(1, 8)), 8u);
  EXPECT_EQ(pool_->stats().lost_total, 16u);
  EXPECT_EQ(pool_->stats().blocks_reserved, 0u);
  EXPECT_EQ(pool_->stats().used_bytes, 8u * (64 << 10));
  ExpectSound();
}

TEST_F(PoolFiles, AFreeSlabRetires) {
  OpenFilled(3);
  Truncate(1);
  EXPECT_EQ(pool_->stats().slabs_free, 2u);
  ExpectSound();
}

TEST_F(PoolFiles, AnEngineEndsWithinItsBudgets) {
  Open(2);
  const EngineHandle engine = NewEngineOf({4096});
  const EngineHandle other = NewEngine(0);
  for (std::uint64_t id = 1; id <= 4; ++id) Store(engine, id, Chain(id, 100));
  for (std::uint64_t id = 1; id <= 4; ++id) EXPECT_EQ(Lease(engine, 10 + id, Chain(id, 100)), 100u);
  EXPECT_EQ(Lease(engine, 15, Chain(77, 1)), 0u);
  const Reserved first = Reserve(engine, 20, Chain(20, 100));
  EXPECT_TRUE(Reserve(engine, 21, Chain(21, 100)).status.ok());
  EXPECT_EQ(Lease(other, 1, Chain(1, 10)), 10u);
  EXPECT_FALSE(pool_->EndLeases(engine, 150).value());
  EXPECT_EQ(LeaseCode(engine, 30, Chain(1, 1)), Code::kNotFound);
  EXPECT_EQ(SealAll(engine, 20, first).status().code(), Code::kNotFound);
  EXPECT_EQ(pool_->EndStores(engine, 1).status().code(), Code::kInvalidArgument);
  int calls = 1;
  while (!pool_->EndLeases(engine, 150).value()) {
    ExpectSound();
    ASSERT_LT(++calls, 10);
  }
  EXPECT_EQ(pool_->stats().blocks_pinned, 10u);
  EXPECT_EQ(pool_->stats().blocks_reserved, 200u);
  calls = 0;
  while (!pool_->EndStores(engine, 60).value()) {
    ExpectSound();
    ASSERT_LT(++calls, 10);
  }
  EXPECT_EQ(pool_->stats().blocks_reserved, 0u);
  EXPECT_EQ(pool_->engines().size(), 1u);
  EXPECT_EQ(pool_->EndLeases(engine, 1).status().code(), Code::kNotFound);
  EXPECT_EQ(Lease(other, 2, Chain(4, 100)), 100u);
  ExpectSound();
}

}  // namespace
}  // namespace pega
