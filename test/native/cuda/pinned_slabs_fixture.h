// PinWorld: a pool whose server is this process, the fake driver, and PinnedSlabs between the two.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "cuda/fake_driver.h"
#include "cuda/pins/pinned_slabs.h"
#include "transfer/test_pool.h"

namespace pega::cuda {

// Slabs of an engine that call somebody each time their number is asked for: before each piece.
class WatchedSlabs final : public SlabSet {
 public:
  WatchedSlabs(std::shared_ptr<SlabSet> slabs, std::function<void()> before,
               std::function<void()> after)
      : slabs_(std::move(slabs)), before_(std::move(before)), after_(std::move(after)) {}
  Result<std::shared_ptr<SlabFile>> Slab(std::uint32_t ordinal) override {
    return slabs_->Slab(ordinal);
  }
  std::uint32_t slab_count() const override {
    before_();
    const std::uint32_t count = slabs_->slab_count();
    after_();
    return count;
  }
  std::uint64_t boot() const override { return slabs_->boot(); }

 private:
  const std::shared_ptr<SlabSet> slabs_;
  const std::function<void()> before_, after_;
};

class PinWorld : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kSlabBytes = std::uint64_t{4} << 20;
  static constexpr std::uint64_t kPieceBytes = std::uint64_t{1} << 20;
  static constexpr unsigned kPiecesPerSlab = 4;

  explicit PinWorld(std::uint32_t slabs = 3) : pool_(kSlabBytes, slabs) {
    auto context = Context::RetainPrimary(fake_.api(), 0);
    EXPECT_TRUE(context.ok()) << context.status().message();
    context_ = std::move(context).value();
  }
  ~PinWorld() override { EXPECT_EQ(fake_.Misuse(), std::vector<std::string>{}); }

  void Start(PinOptions options = {}) { StartOn(pool_.OpenSlabs(), options); }
  void StartOn(std::shared_ptr<SlabSet> slabs, PinOptions options = {}) {
    options.slab_bytes = kSlabBytes;
    options.piece_bytes = kPieceBytes;
    pins_ = PinnedSlabs::Start(context_, std::move(slabs), options, [this] {
      const std::lock_guard lock(mutex_);
      if (on_pinned_) on_pinned_();
      told_.notify_all();
    });
  }
  // The same, but nothing is looked for before Go.
  void StartHeld(PinOptions options = {}) {
    const auto before = [this] {
      going_.wait(false);
      if (at_each_look_) at_each_look_();
    };
    const auto after = [this] {
      if (after_each_count_) after_each_count_();
    };
    StartOn(std::make_shared<WatchedSlabs>(pool_.OpenSlabs(), before, after), options);
  }
  void Go() {
    going_ = true;
    going_.notify_all();
  }
  // Before StartHeld; called on the registering thread before each piece, and once it has read how
  // many slabs there are.
  void AtEachLook(std::function<void()> call) { at_each_look_ = std::move(call); }
  void AfterEachCount(std::function<void()> call) { after_each_count_ = std::move(call); }
  // Called on the registering thread, each time something was pinned.
  void OnPinned(std::function<void()> on_pinned) {
    const std::lock_guard lock(mutex_);
    on_pinned_ = std::move(on_pinned);
  }

  // Waits for on_pinned until it holds.
  void Await(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(told_.wait_for(lock, std::chrono::seconds(60), condition)) << "nobody was told";
  }
  void AwaitReady(std::uint32_t slabs) {
    Await([&] { return pins_->progress().slabs_ready >= slabs; });
  }
  Code CodeOf(std::uint32_t ordinal) const {
    const auto found = pins_->Find(ordinal);
    return found.ok() ? Code::kOk : found.status().code();
  }
  std::unique_ptr<SlabFile> Publish(std::uint32_t ordinal) {
    auto slab = SlabFile::Create(pool_.folder(), pool_.header().pool_id(), ordinal, kSlabBytes);
    EXPECT_TRUE(slab.ok()) << slab.status().message();
    EXPECT_TRUE(slab.value()->Fill(0, kSlabBytes).ok());
    pool_.header().PublishSlab(ordinal, slab.value()->record());
    return std::move(slab).value();
  }
  static constexpr char kRegister[] = "cuMemHostRegister_v2";
  std::uint64_t Registered() const { return fake_.fake_cuda_calls(kRegister); }
  std::uint64_t Unregistered() const { return fake_.fake_cuda_calls("cuMemHostUnregister"); }

  FakeDriver fake_;
  TestPool pool_;
  ContextPtr context_;
  std::mutex mutex_;
  std::condition_variable told_;
  std::function<void()> on_pinned_;  // guarded by mutex_
  std::atomic<bool> going_{false};
  std::function<void()> at_each_look_, after_each_count_;
  std::unique_ptr<PinnedSlabs> pins_;  // goes first
};

}  // namespace pega::cuda
