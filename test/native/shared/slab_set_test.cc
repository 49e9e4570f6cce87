#include "shared/slab_set.h"

#include <unistd.h>

#include <thread>
#include <vector>

#include "shared/temp_pool.h"

namespace pega {
namespace {

constexpr std::uint64_t kSlab = std::uint64_t{1} << 20;

class SlabSets : public ::testing::Test {
 protected:
  SlabSets() {
    EXPECT_TRUE(server_->Begin(kSlab).ok());
    view_ = Must(HeaderView::Open(folder()));
  }
  std::unique_ptr<SlabFile> Publish(std::uint32_t ordinal) {
    auto slab = Must(SlabFile::Create(folder(), server_->pool_id(), ordinal, kSlab));
    server_->PublishSlab(ordinal, slab->record());
    return slab;
  }
  std::shared_ptr<SlabSet> Open() {
    return Must(SlabSet::Open(folder(), view_, server_->boot_number()));
  }
  const PoolFolder& folder() const { return pool_.folder(); }

  const TempPool pool_;
  std::unique_ptr<ServerHeader> server_ = Must(ServerHeader::Acquire(folder()));
  std::shared_ptr<HeaderView> view_;
};

TEST_F(SlabSets, OpensEachSlabOnceAsItIsPublished) {
  const auto set = Open();
  EXPECT_EQ(set->boot(), server_->boot_number());
  EXPECT_EQ(set->Slab(0).status().code(), Code::kNotFound);
  const auto first = Publish(0);
  EXPECT_EQ(set->slab_count(), 1u);
  const auto slab = Must(set->Slab(0));
  EXPECT_EQ(slab->record().inode, first->record().inode);
  EXPECT_EQ(Must(set->Slab(0)), slab);
  EXPECT_EQ(set->Slab(kSlabOrdinalsMax).status().code(), Code::kNotFound);
}

TEST_F(SlabSets, AfterARestartOpenSlabsStayAndOthersAreStale) {
  const auto files = {Publish(0), Publish(1)};
  const auto set = Open();
  const auto slab = Must(set->Slab(0));
  const std::uint64_t boot = server_->boot_number();
  ASSERT_TRUE(server_->Begin(kSlab).ok());
  EXPECT_EQ(Must(set->Slab(0)), slab) << "a load under way ends well";
  EXPECT_EQ(set->Slab(1).status().code(), Code::kStaleBoot);
  EXPECT_EQ(SlabSet::Open(folder(), view_, boot).status().code(), Code::kStaleBoot);
  ASSERT_EQ(::unlink(folder().HeaderPath().c_str()), 0);
  EXPECT_EQ(SlabSet::Open(folder(), view_, server_->boot_number()).status().code(),
            Code::kStaleBoot);
}

TEST_F(SlabSets, ChangedAndRetiredSlabsAreMisses) {
  const auto first = Publish(0);
  const auto second = Publish(1);
  const auto set = Open();
  ASSERT_EQ(
      ::truncate(folder().SlabPath(server_->pool_id(), 0, first->record().slab_id).c_str(), 4096),
      0);
  EXPECT_EQ(set->Slab(0).status().code(), Code::kSlabChanged);
  server_->RetireSlab(1);
  EXPECT_EQ(set->Slab(1).status().code(), Code::kNotFound);
}

TEST_F(SlabSets, ThreadsGetTheSameSlab) {
  const auto file = Publish(0);
  const auto set = Open();
  std::vector<std::shared_ptr<SlabFile>> seen(4);
  std::vector<std::thread> threads;
  for (std::shared_ptr<SlabFile>& mine : seen) {
    threads.emplace_back([&] { mine = Must(set->Slab(0)); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::shared_ptr<SlabFile>& mine : seen) EXPECT_EQ(mine, seen[0]);
}

}  // namespace
}  // namespace pega
