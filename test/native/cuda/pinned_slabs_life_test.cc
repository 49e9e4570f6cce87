// PinnedSlabs: slabs that fail, come later, are not there, or belong to another boot.
#include <fcntl.h>
#include <sys/resource.h>

#include "cuda/pinned_slabs_fixture.h"

namespace pega::cuda {
namespace {

using PinnedSlabsLife = PinWorld;

TEST_F(PinnedSlabsLife, ASlabThatFailsHalfWayIsLeftOutWithItsReason) {
  fake_.fake_cuda_fail(kRegister, kPiecesPerSlab + 2, kErrorOutOfMemory, 1);
  Start();
  Await([this] { return CodeOf(2) == Code::kOk; });
  const auto failed = pins_->Find(1);
  ASSERT_EQ(failed.status().code(), Code::kDevice);
  const std::string& why = failed.status().message();
  EXPECT_NE(why.find("CUDA_ERROR_OUT_OF_MEMORY"), std::string::npos) << why;
  EXPECT_NE(why.find("memlock=-1"), std::string::npos) << why;
  EXPECT_NE(why.find("at byte " + std::to_string(kPieceBytes)), std::string::npos) << why;
  EXPECT_NE(why.find(pool_.SlabPath(1)), std::string::npos) << why;
  EXPECT_EQ(Unregistered(), 1u) << "its first piece";
  const PinProgress progress = pins_->progress();
  EXPECT_EQ(progress.slabs_ready, 1u);
  EXPECT_EQ(progress.slabs_published, 3u);
  EXPECT_EQ(progress.registered_bytes, 2 * kSlabBytes);
  EXPECT_EQ(progress.error.message(), why);
}

TEST_F(PinnedSlabsLife, OtherErrorsAreNamedWithoutAdviceOnLimits) {
  fake_.fake_cuda_fail(kRegister, 1, kErrorHostMemoryAlreadyRegistered, 1);
  Start();
  Await([this] { return CodeOf(2) == Code::kOk; });
  const std::string why = pins_->progress().error.message();
  EXPECT_NE(why.find("CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED"), std::string::npos) << why;
  EXPECT_EQ(why.find("memlock"), std::string::npos) << why;
  EXPECT_EQ(pins_->progress().slabs_ready, 0u);
}

TEST_F(PinnedSlabsLife, SlabsPublishedLaterAreRegistered) {
  Start();
  AwaitReady(3);
  EXPECT_EQ(CodeOf(3), Code::kTimeout);
  const auto slab = Publish(3);
  AwaitReady(4);
  EXPECT_EQ(pins_->Find(3).value()->file->record().slab_id, slab->record().slab_id);
}

TEST_F(PinnedSlabsLife, WhatThePoolHasNotIsNotFoundUntilItComes) {
  Start();
  pins_->Need(3);
  pins_->Need(kSlabOrdinalsMax);
  Await([this] { return CodeOf(3) == Code::kNotFound; });
  EXPECT_EQ(CodeOf(4), Code::kTimeout) << "nobody asked";
  EXPECT_EQ(CodeOf(kSlabOrdinalsMax), Code::kNotFound);
  const auto slab = Publish(3);
  Await([this] { return CodeOf(3) == Code::kOk; });
}

TEST_F(PinnedSlabsLife, ARetiredSlabAndOneWithHolesAreLeftOut) {
  pool_.header().RetireSlab(0);
  ASSERT_EQ(::fallocate(pool_.slab(1).fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8192, 4096),
            0);
  Start();
  Await([this] { return CodeOf(2) == Code::kOk; });
  EXPECT_EQ(CodeOf(0), Code::kNotFound);
  EXPECT_EQ(CodeOf(1), Code::kSlabChanged);
  EXPECT_EQ(Registered(), kPiecesPerSlab);
  EXPECT_EQ(pins_->progress().slabs_ready, 0u);
}

TEST_F(PinnedSlabsLife, ASlabCutShortInTheMiddleIsLeftOut) {
  AtEachLook([this] {
    if (Registered() != 1) return;
    ASSERT_EQ(::truncate(pool_.SlabPath(0).c_str(), kPieceBytes), 0);
  });
  StartHeld();
  Go();
  Await([this] { return CodeOf(2) == Code::kOk; });
  EXPECT_EQ(CodeOf(0), Code::kSlabChanged);
  EXPECT_EQ(Unregistered(), 1u);
}

TEST_F(PinnedSlabsLife, AnotherBootEndsTheSearchQuietly) {
  AfterEachCount([this] { ASSERT_TRUE(pool_.header().Begin(kSlabBytes).ok()); });
  StartHeld();
  Go();
  Await([this] { return CodeOf(0) == Code::kStaleBoot; });
  EXPECT_EQ(CodeOf(7), Code::kStaleBoot);
  EXPECT_TRUE(pins_->progress().error.ok());
  EXPECT_EQ(Registered(), 0u);
}

TEST_F(PinnedSlabsLife, SlabsThatAreOpenAreRegisteredAfterARestart) {
  AtEachLook([this] {
    if (Registered() != 1) return;
    ASSERT_TRUE(pool_.header().Begin(kSlabBytes).ok());
  });
  StartHeld();
  Go();
  AwaitReady(3);
  EXPECT_EQ(Registered(), 3 * kPiecesPerSlab);
}

}  // namespace
}  // namespace pega::cuda
