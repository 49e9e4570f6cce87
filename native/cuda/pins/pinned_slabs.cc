#include "cuda/pins/pinned_slabs.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "cuda/pins/pin_queue.h"

namespace pega::cuda {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookEvery{50};  // for slabs published meanwhile
constexpr double kPauseMaxNs = 3600e9;
constexpr std::uint32_t kUnregisterThreads = 4;

// A thread that takes no signals: those are for the program that we live in.
template <typename Work>
std::thread StartThread(Work work) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(work));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread.native_handle(), "pega-pins");
  return thread;
}

class RegisteringThreads final : public PinnedSlabs {
 public:
  RegisteringThreads(ContextPtr context, std::shared_ptr<SlabSet> slabs, PinOptions options,
                     std::function<void()> on_pinned)
      : context_(std::move(context)),
        slabs_(std::move(slabs)),
        options_(options),
        on_pinned_(std::move(on_pinned)) {
    for (std::uint32_t i = 0; i < std::max(1u, options_.threads); ++i) {
      threads_.push_back(StartThread([this, i] { Work(i == 0); }));
    }
  }
  ~RegisteringThreads() override;

  Result<const PinnedSlab*> Find(std::uint32_t ordinal) const override {
    return queue_.Find(ordinal);
  }
  void Need(std::uint32_t ordinal) override { queue_.Need(ordinal); }
  void SetServing() override { queue_.SetServing(); }
  PinProgress progress() const override { return queue_.progress(); }
  std::uint64_t piece_bytes() const override { return options_.piece_bytes; }

 private:
  void Work(bool first_thread);
  void Search();
  void RegisterPiece(PinPlace& place, const Status& context);
  Status TryPiece(PinPlace& place, const Status& context, std::uint64_t& driver_ns);

  const ContextPtr context_;
  const std::shared_ptr<SlabSet> slabs_;
  const PinOptions options_;
  const std::function<void()> on_pinned_;
  PinQueue queue_;
  bool searching_ = true;  // of the first thread
  std::vector<std::thread> threads_;
};

// The driver takes about as long to unregister as it took to register.
RegisteringThreads::~RegisteringThreads() {
  queue_.Stop();
  for (std::thread& thread : threads_) thread.join();
  std::vector<PinPlace*> left;
  for (PinPlace& place : queue_.places()) {
    if (place.registered) left.push_back(&place);
  }
  std::atomic<std::size_t> next{0};
  const auto unregister = [&] {
    const ScopedContext current(*context_);
    for (std::size_t i = next++; i < left.size(); i = next++) left[i]->registered.reset();
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < std::min<std::size_t>(kUnregisterThreads, left.size()); ++i) {
    threads.push_back(StartThread(unregister));
  }
  unregister();
  for (std::thread& thread : threads) thread.join();
}

void RegisteringThreads::Work(bool first_thread) {
  const ScopedContext current(*context_);
  while (!queue_.stopped()) {
    if (first_thread) Search();
    PinPlace* const place = queue_.Take(first_thread);
    if (place == nullptr) {
      queue_.AwaitWork(kLookEvery, first_thread);
      continue;
    }
    const Clock::time_point start = Clock::now();
    RegisterPiece(*place, current.status());
    const double took_ns = std::chrono::duration<double, std::nano>(Clock::now() - start).count();
    const double pause_ns = std::clamp(took_ns * options_.serving_pause_factor, 0.0, kPauseMaxNs);
    queue_.Pause(std::chrono::nanoseconds(static_cast<std::int64_t>(pause_ns)));
  }
}

// A slab that is open is registered even after the server restarted: slots in it may be held. The
// slabs behind it are another pool's then.
void RegisteringThreads::Search() {
  if (!searching_) return;
  const std::uint32_t published = std::min(slabs_->slab_count(), kSlabOrdinalsMax);
  bool changed = false;
  while (searching_ && queue_.known() < published) {
    Result<std::shared_ptr<SlabFile>> file = slabs_->Slab(queue_.known());
    if (!file.ok() && file.status().code() == Code::kStaleBoot) {
      searching_ = false;
      changed = queue_.EndSearch(file.status());
    } else {
      changed = changed || !file.ok();
      queue_.Add(std::move(file));
    }
  }
  if (searching_) changed = queue_.MarkAbsent(published) || changed;
  if (changed) on_pinned_();
}

void RegisteringThreads::RegisterPiece(PinPlace& place, const Status& context) {
  const std::uint64_t before = place.registered ? place.registered->registered_bytes() : 0;
  std::uint64_t driver_ns = 0;
  const Status piece = TryPiece(place, context, driver_ns);
  if (!piece.ok()) place.registered.reset();  // what was registered of it goes
  const std::uint64_t after = place.registered ? place.registered->registered_bytes() : 0;
  if (queue_.Return(place, piece, after - before, driver_ns)) on_pinned_();
}

Status RegisteringThreads::TryPiece(PinPlace& place, const Status& context,
                                    std::uint64_t& driver_ns) {
  PEGA_RETURN_IF_ERROR(context);
  if (!place.registered) {
    Result<std::unique_ptr<RegisteredSlab>> mapped =
        RegisteredSlab::Map(context_, *place.slab.file, options_.slab_bytes);
    if (!mapped.ok()) return mapped.status();
    place.registered = std::move(mapped).value();
  }
  return place.registered->RegisterNext(options_.piece_bytes, driver_ns);
}

}  // namespace

std::unique_ptr<PinnedSlabs> PinnedSlabs::Start(ContextPtr context, std::shared_ptr<SlabSet> slabs,
                                                PinOptions options,
                                                std::function<void()> on_pinned) {
  return std::make_unique<RegisteringThreads>(std::move(context), std::move(slabs), options,
                                              std::move(on_pinned));
}

}  // namespace pega::cuda
