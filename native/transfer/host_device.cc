#include "transfer/host_device.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "transfer/block_copy.h"

namespace pega {
namespace {

constexpr std::uint32_t kThreadsMax = 8;                       // memory is the bound, not cores
constexpr std::uint64_t kShareBytes = std::uint64_t{1} << 20;  // what a thread takes at a time
constexpr std::size_t kKinds = 3;

struct RunningPiece {
  CopyPiece piece;
  std::function<void(Status)> done;
  std::size_t share_blocks = 1;
  std::size_t next_block = 0;        // first one that no thread has taken
  std::uint32_t threads_inside = 0;  // that copy a share now
  Status status = {};                // the first failure

  bool AllTaken() const { return next_block == piece.blocks.size(); }
  bool Ended() const { return AllTaken() && threads_inside == 0; }
};

// Threads take shares of the oldest piece of the first kind that has one, so a load waits for
// shares of stores, never for whole chunks.
class HostDevice final : public Device {
 public:
  HostDevice(BlockLayout layout, std::shared_ptr<SlabSet> slabs, std::uint32_t threads)
      : layout_(std::move(layout)), slabs_(std::move(slabs)) {
    // Signals are for the threads of the program that we live in.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (std::uint32_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  // REQUIRES: every piece has ended.
  ~HostDevice() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  const BlockLayout& layout() const override { return layout_; }

  // Two: the threads that finish one piece go on with the next.
  std::uint32_t pieces_in_flight_max(JobKind) const override { return 2; }

  StreamPointPtr Start(const CopyPiece& piece, std::function<void(Status)> done) override {
    const std::span<const BlockLayout::Segment> segments =
        layout_.LayerRange(piece.first_layer, piece.end_layer);
    const std::uint64_t block_bytes = segments.back().slot_offset_bytes + segments.back().bytes -
                                      segments.front().slot_offset_bytes;
    {
      const std::lock_guard lock(mutex_);
      Queue(piece.kind)
          .push_back({.piece = piece,
                      .done = std::move(done),
                      .share_blocks = std::max<std::uint64_t>(1, kShareBytes / block_bytes)});
    }
    work_.notify_all();
    return {};
  }

  // Files are opened as they are needed: what is published can be copied.
  std::uint32_t slabs_ready() const override { return slabs_->slab_count(); }

 private:
  std::deque<RunningPiece>& Queue(JobKind kind) { return queues_[static_cast<std::size_t>(kind)]; }

  RunningPiece* NextToTake() {
    for (std::deque<RunningPiece>& queue : queues_) {
      for (RunningPiece& running : queue) {
        if (!running.AllTaken()) return &running;
      }
    }
    return nullptr;
  }

  void Work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      RunningPiece* running = nullptr;
      work_.wait(lock, [&] { return (running = NextToTake()) != nullptr || stopping_; });
      if (running == nullptr) return;
      CopyShare(*running, lock);
    }
  }

  // A deque keeps its elements in place when others are added or removed at its ends.
  void CopyShare(RunningPiece& running, std::unique_lock<std::mutex>& lock) {
    const std::size_t left = running.piece.blocks.size() - running.next_block;
    const auto share =
        running.piece.blocks.subspan(running.next_block, std::min(left, running.share_blocks));
    running.next_block += share.size();
    ++running.threads_inside;
    lock.unlock();
    Status status = CopyBlocks(layout_, *slabs_, running.piece, share);
    lock.lock();
    --running.threads_inside;
    if (!status.ok()) {
      if (running.status.ok()) running.status = std::move(status);
      running.next_block = running.piece.blocks.size();  // what is left would be in vain
    }
    if (running.Ended()) TellEnds(running.piece.kind, lock);
  }

  // One thread at a time tells the ends of a kind, oldest first.
  void TellEnds(JobKind kind, std::unique_lock<std::mutex>& lock) {
    bool& telling = telling_[static_cast<std::size_t>(kind)];
    if (telling) return;
    telling = true;
    std::deque<RunningPiece>& queue = Queue(kind);
    while (!queue.empty() && queue.front().Ended()) {
      const RunningPiece ended = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      ended.done(ended.status);
      lock.lock();
    }
    telling = false;
  }

  const BlockLayout layout_;
  const std::shared_ptr<SlabSet> slabs_;
  std::mutex mutex_;  // guards all below but the threads
  std::condition_variable work_;
  std::array<std::deque<RunningPiece>, kKinds> queues_;  // by JobKind, oldest first
  std::array<bool, kKinds> telling_{};
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<Device> MakeHostDevice(BlockLayout layout, std::shared_ptr<SlabSet> slabs,
                                       std::uint32_t threads) {
  const std::uint32_t cores = std::max(1U, std::thread::hardware_concurrency());
  threads = std::min(threads == 0 ? cores : threads, kThreadsMax);
  return std::make_unique<HostDevice>(std::move(layout), std::move(slabs), threads);
}

}  // namespace pega
