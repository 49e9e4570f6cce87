// PinQueue: which slabs are known, how far each is, and which one is registered next.
//
// The books of PinnedSlabs; it opens, maps and registers nothing. A slab is taken by one thread for
// one piece at a time, so that one that is asked for meanwhile comes next. Thread safety: any
// thread; Find takes no lock.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <set>

#include "base/limits.h"
#include "cuda/pins/pinned_slabs.h"
#include "cuda/pins/registered_slab.h"

namespace pega::cuda {

struct PinPlace {
  enum class State : std::uint8_t { kAwaited, kAbsent, kQueued, kReady, kFailed };

  std::uint32_t ordinal = 0;
  std::atomic<State> state = State::kAwaited;  // what it says below is written before it
  PinnedSlab slab;
  Status failure;
  std::unique_ptr<RegisteredSlab> registered;  // of the thread that took the place
  bool needed = false;                         // guarded by the queue's mutex
};

class PinQueue {
 public:
  PinQueue() = default;
  PinQueue(const PinQueue&) = delete;
  PinQueue& operator=(const PinQueue&) = delete;

  Result<const PinnedSlab*> Find(std::uint32_t ordinal) const;  // PinnedSlabs::Find
  void Need(std::uint32_t ordinal);
  void SetServing();
  PinProgress progress() const;

  // The next slab that is not known yet.
  std::uint32_t known() const;
  // That slab: its file, or why there is none.
  void Add(Result<std::shared_ptr<SlabFile>> file);
  // All below `published` are known. True if slabs were asked for that are not: they are absent.
  bool MarkAbsent(std::uint32_t published);
  // No slab is added any more; Find says `why` of all that are not known. True the first time.
  bool EndSearch(Status why);

  // The place to register a piece of, which is the caller's until Return; null: none for now.
  PinPlace* Take(bool first_thread);
  // `piece` is what became of it. True if the place is done, or failed.
  bool Return(PinPlace& place, Status piece, std::uint64_t bytes, std::uint64_t driver_ns);

  // Waits that time, or until there is more to do, or Stop.
  void AwaitWork(std::chrono::nanoseconds at_most, bool first_thread);
  // Waits that time where copies have begun, but not while a slab is asked for, or after Stop.
  void Pause(std::chrono::nanoseconds time);
  void Stop();
  bool stopped() const { return stop_; }

  // Every place, when no thread uses the queue any more.
  std::deque<PinPlace>& places() { return places_; }

 private:
  PinPlace& PlaceOf(std::uint32_t ordinal);
  void Enqueue(PinPlace& place);
  bool MayTake(bool first_thread) const;

  std::array<std::atomic<PinPlace*>, kSlabOrdinalsMax> by_ordinal_{};
  std::atomic<bool> stop_{false};
  std::atomic<bool> search_over_{false};
  Status search_end_;  // written before search_over_

  mutable std::mutex mutex_;  // of everything below
  std::condition_variable changed_;
  std::deque<PinPlace> places_;  // they stay where they are
  std::set<std::uint32_t> needed_, waiting_;  // queued and not taken
  std::set<std::uint32_t> awaited_;           // asked for, not known
  std::uint32_t known_ = 0;
  bool serving_ = false;
  PinProgress progress_;
};

}  // namespace pega::cuda
