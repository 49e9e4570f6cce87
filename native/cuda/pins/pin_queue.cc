#include "cuda/pins/pin_queue.h"

#include <string>
#include <utility>

namespace pega::cuda {

using State = PinPlace::State;

Result<const PinnedSlab*> PinQueue::Find(std::uint32_t ordinal) const {
  if (ordinal >= kSlabOrdinalsMax) {
    return Status(Code::kNotFound, "slab " + std::to_string(ordinal) + " can be in no pool");
  }
  const PinPlace* const place = by_ordinal_[ordinal].load(std::memory_order_acquire);
  const State state = place == nullptr ? State::kAwaited : place->state.load(std::memory_order_acquire);
  switch (state) {
    case State::kReady: return &place->slab;
    case State::kFailed: return place->failure;
    case State::kQueued: break;
    case State::kAwaited:
    case State::kAbsent:
      if (search_over_.load(std::memory_order_acquire)) return search_end_;
      if (state == State::kAwaited) break;
      return Status(Code::kNotFound, "slab " + std::to_string(ordinal) + " is not in the pool");
  }
  return Status(Code::kTimeout, "slab " + std::to_string(ordinal) + " is not registered yet");
}

void PinQueue::Need(std::uint32_t ordinal) {
  if (ordinal >= kSlabOrdinalsMax) return;
  {
    const std::lock_guard lock(mutex_);
    PinPlace& place = PlaceOf(ordinal);
    place.needed = true;
    if (ordinal >= known_ && !search_over_) awaited_.insert(ordinal);
    if (waiting_.erase(ordinal) != 0) needed_.insert(ordinal);
  }
  changed_.notify_all();
}

void PinQueue::SetServing() {
  const std::lock_guard lock(mutex_);
  serving_ = true;
}

PinProgress PinQueue::progress() const {
  const std::lock_guard lock(mutex_);
  return progress_;
}

std::uint32_t PinQueue::known() const {
  const std::lock_guard lock(mutex_);
  return known_;
}

void PinQueue::Add(Result<std::shared_ptr<SlabFile>> file) {
  {
    const std::lock_guard lock(mutex_);
    PinPlace& place = PlaceOf(known_++);
    awaited_.erase(place.ordinal);
    progress_.slabs_published = known_;
    if (file.ok()) {
      place.slab.file = std::move(file).value();
      place.state.store(State::kQueued, std::memory_order_release);
      Enqueue(place);
    } else {
      place.failure = file.status();
      if (progress_.error.ok()) progress_.error = place.failure;
      place.state.store(State::kFailed, std::memory_order_release);
    }
  }
  changed_.notify_all();
}

bool PinQueue::MarkAbsent(std::uint32_t published) {
  const std::lock_guard lock(mutex_);
  if (published > known_) return false;  // those are looked at first
  bool any = false;
  for (const std::uint32_t ordinal : awaited_) {
    PinPlace& place = PlaceOf(ordinal);
    any = any || place.state.load(std::memory_order_relaxed) == State::kAwaited;
    place.state.store(State::kAbsent, std::memory_order_release);
  }
  awaited_.clear();
  return any;
}

bool PinQueue::EndSearch(Status why) {
  const std::lock_guard lock(mutex_);
  if (search_over_) return false;
  awaited_.clear();
  search_end_ = std::move(why);
  search_over_.store(true, std::memory_order_release);
  return true;
}

PinPlace* PinQueue::Take(bool first_thread) {
  const std::lock_guard lock(mutex_);
  if (stop_ || !MayTake(first_thread)) return nullptr;
  std::set<std::uint32_t>& from = needed_.empty() ? waiting_ : needed_;
  const std::uint32_t ordinal = *from.begin();
  from.erase(from.begin());
  return by_ordinal_[ordinal].load(std::memory_order_relaxed);
}

bool PinQueue::Return(PinPlace& place, Status piece, std::uint64_t bytes,
                      std::uint64_t driver_ns) {
  const std::lock_guard lock(mutex_);
  progress_.registering_ns += driver_ns;
  progress_.registered_bytes += bytes;
  if (!piece.ok()) {
    if (progress_.error.ok()) progress_.error = piece;
    place.failure = std::move(piece);
    place.state.store(State::kFailed, std::memory_order_release);
    return true;
  }
  if (!place.registered->whole()) {
    Enqueue(place);
    return false;
  }
  place.slab.address = place.registered->address();
  place.state.store(State::kReady, std::memory_order_release);
  for (std::uint32_t& ready = progress_.slabs_ready; ready < known_; ++ready) {
    const PinPlace* const next = by_ordinal_[ready].load(std::memory_order_relaxed);
    if (next->state.load(std::memory_order_relaxed) != State::kReady) break;
  }
  return true;
}

void PinQueue::AwaitWork(std::chrono::nanoseconds at_most, bool first_thread) {
  std::unique_lock lock(mutex_);
  const auto enough = [&] { return stop_ || MayTake(first_thread) || (first_thread && !awaited_.empty()); };
  changed_.wait_for(lock, at_most, enough);
}

void PinQueue::Pause(std::chrono::nanoseconds time) {
  std::unique_lock lock(mutex_);
  if (!serving_) return;
  changed_.wait_for(lock, time, [this] { return stop_ || !needed_.empty(); });
}

void PinQueue::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
}

PinPlace& PinQueue::PlaceOf(std::uint32_t ordinal) {
  std::atomic<PinPlace*>& known = by_ordinal_[ordinal];
  if (PinPlace* const place = known.load(std::memory_order_relaxed)) return *place;
  PinPlace& place = places_.emplace_back();
  place.ordinal = ordinal;
  known.store(&place, std::memory_order_release);
  return place;
}

void PinQueue::Enqueue(PinPlace& place) {
  (place.needed ? needed_ : waiting_).insert(place.ordinal);
}

bool PinQueue::MayTake(bool first_thread) const {
  return !needed_.empty() || (!waiting_.empty() && (first_thread || !serving_));
}

}  // namespace pega::cuda
