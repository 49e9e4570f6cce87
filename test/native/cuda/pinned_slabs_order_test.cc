// PinnedSlabs: what is registered, in which order, and how it goes again.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "cuda/pinned_slabs_fixture.h"
#include "shared/mapping.h"

namespace pega::cuda {
namespace {

class PinnedSlabsOrder : public PinWorld {
 protected:
  // The slabs in the order in which they became ready.
  void RecordOrder() {
    OnPinned([this] {
      for (std::uint32_t ordinal = 0; ordinal < pool_.slab_count(); ++ordinal) {
        const bool known = std::ranges::find(order_, ordinal) != order_.end();
        if (!known && pins_->Find(ordinal).ok()) order_.push_back(ordinal);
      }
    });
  }
  void AwaitAll() {
    Await([this] { return order_.size() == pool_.slab_count(); });
  }

  std::vector<std::uint32_t> order_;  // guarded by mutex_
};

TEST_F(PinnedSlabsOrder, AllSlabsAreRegisteredInPiecesLowestFirst) {
  RecordOrder();
  StartHeld();
  Go();
  AwaitAll();
  EXPECT_EQ(order_, (std::vector<std::uint32_t>{0, 1, 2}));
  const PinProgress progress = pins_->progress();
  EXPECT_EQ(progress.slabs_published, 3u);
  EXPECT_EQ(progress.slabs_ready, 3u);
  EXPECT_EQ(progress.registered_bytes, 3 * kSlabBytes);
  EXPECT_GT(progress.registering_ns, 0u);
  EXPECT_TRUE(progress.error.ok());
  EXPECT_EQ(Registered(), 3 * kPiecesPerSlab);
  pins_.reset();
  EXPECT_EQ(Unregistered(), 3 * kPiecesPerSlab);
}

TEST_F(PinnedSlabsOrder, APinnedSlabIsTheFileWhereHugePagesFit) {
  Start();
  AwaitReady(3);
  const auto found = pins_->Find(1);
  ASSERT_TRUE(found.ok());
  const char written[] = "through the file";
  ASSERT_EQ(::pwrite(pool_.slab(1).fd(), written, sizeof(written), 4096), ssize_t{sizeof(written)});
  EXPECT_STREQ(reinterpret_cast<const char*>(found.value()->address + 4096), written);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(found.value()->address) % kHugePageBytes, 0u);
  EXPECT_EQ(found.value()->file->record().slab_id, pool_.slab(1).record().slab_id);
  EXPECT_EQ(pins_->piece_bytes(), kPieceBytes);
}

TEST_F(PinnedSlabsOrder, ASlabThatIsNeededComesNext) {
  RecordOrder();
  StartHeld();
  pins_->Need(2);
  Go();
  AwaitAll();
  EXPECT_EQ(order_, (std::vector<std::uint32_t>{2, 0, 1}));
}

TEST_F(PinnedSlabsOrder, ASlabThatIsNeededComesBetweenThePiecesOfAnother) {
  RecordOrder();
  AtEachLook([this] {
    if (Registered() == 2) pins_->Need(1);
  });
  StartHeld();
  Go();
  AwaitAll();
  EXPECT_EQ(order_, (std::vector<std::uint32_t>{1, 0, 2}));
}

TEST_F(PinnedSlabsOrder, WhileServingOnlyWhatIsNeededIsRegisteredWithoutPauses) {
  StartHeld({.serving_pause_factor = 1e9});  // for ever
  pins_->SetServing();
  Go();
  pins_->Need(1);
  Await([this] { return CodeOf(1) == Code::kOk; });
  EXPECT_EQ(CodeOf(0), Code::kTimeout);
  EXPECT_EQ(CodeOf(2), Code::kTimeout);
  pins_->Need(2);
  Await([this] { return CodeOf(2) == Code::kOk; });
  EXPECT_EQ(CodeOf(0), Code::kTimeout);
  EXPECT_EQ(pins_->progress().slabs_ready, 0u) << "from the first on without a gap";
  pins_.reset();  // ends the pause
  EXPECT_EQ(Unregistered(), Registered());
}

TEST_F(PinnedSlabsOrder, SeveralThreadsRegisterSeveralSlabs) {
  Start({.threads = 3});
  AwaitReady(3);
  EXPECT_EQ(Registered(), 3 * kPiecesPerSlab);
}

TEST_F(PinnedSlabsOrder, ThreadsAreNamedAndTakeNoSignals) {
  char name[16] = "";
  sigset_t blocked;
  sigemptyset(&blocked);
  OnPinned([&] {
    pthread_getname_np(pthread_self(), name, sizeof(name));
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  });
  StartHeld();
  Go();
  AwaitReady(3);
  EXPECT_STREQ(name, "pega-pins");
  for (const int signal : {SIGTERM, SIGINT, SIGCHLD, SIGUSR1}) {
    EXPECT_EQ(sigismember(&blocked, signal), 1) << signal;
  }
}

TEST_F(PinnedSlabsOrder, ACaptureInAnotherThreadIsNotDisturbed) {
  const ScopedContext current(*context_);
  const Stream stream = std::move(MakeStream(context_, false)).value();
  ASSERT_EQ(fake_.fake_cuda_begin_capture(stream.get(), kCaptureGlobal), kSuccess);
  Start();
  AwaitReady(3);
  pins_.reset();
  EXPECT_EQ(fake_.fake_cuda_end_capture(stream.get()), kSuccess);
}

TEST_F(PinnedSlabsOrder, MayGoInTheMiddle) {
  std::atomic<bool> reached{false};
  AtEachLook([&] {
    if (Registered() == kPiecesPerSlab + 2) reached = true;
    reached.notify_all();
  });
  StartHeld();
  Go();
  reached.wait(false);
  pins_.reset();
  EXPECT_GE(Registered(), kPiecesPerSlab + 2);
  EXPECT_EQ(Unregistered(), Registered());
}

}  // namespace
}  // namespace pega::cuda
