// SlabFiller: threads that make slab files and fill them with memory, first slab first.
//
// All threads work on the first slab, 16 MiB pieces at a time: the pool can serve as soon as it is
// full. Then they work on several at once, for taking memory holds a lock of the file. Slabs are
// handed over in order of their ordinals. The first failure
// ends the filling; what was full by then stays. These are the only threads of the pool, and only
// this class shares anything with them. Thread safety: Start, TakeFinished and progress belong to
// the pool's thread. The destructor waits for one piece of each thread at most, and unlinks slabs
// that were not handed over.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "pool/pool.h"
#include "shared/slab_file.h"

namespace pega {

struct FillPlan {
  PoolFolder folder;
  PoolId pool_id{};
  std::uint64_t slab_bytes = 0;
  std::uint32_t slabs_total = 0;
  std::uint32_t threads = 1;
  bool fill = true;  // false: files without memory behind them (PoolOptions::fill)
  FillOptions options = {};
  std::uint32_t slabs_at_once = 4;  // behind the first
};

class SlabFiller {
 public:
  explicit SlabFiller(FillPlan plan);
  ~SlabFiller();
  SlabFiller(const SlabFiller&) = delete;
  SlabFiller& operator=(const SlabFiller&) = delete;

  void Start();  // again: no effect
  // The next slabs that are full, in order; empty most of the time, and then without a lock.
  std::vector<std::unique_ptr<SlabFile>> TakeFinished();
  FillProgress progress() const;  // slabs_ready: those handed over

 private:
  struct Piece {
    SlabFile* file = nullptr;
    std::uint32_t ordinal = 0;
    std::uint64_t offset_bytes = 0;
    std::uint64_t bytes = 0;
  };
  struct SlabInWork {
    std::unique_ptr<SlabFile> file;
    std::uint64_t next_offset_bytes = 0;  // of the next piece to be given out
    std::uint64_t bytes_left = 0;         // to be filled
  };

  void Work();
  bool NextPiece(Piece& piece);  // false: nothing left, or stopped
  SlabInWork* NextSlab();        // null: none with a piece left, or a failure
  void PieceDone(const Piece& piece, Status status);

  const FillPlan plan_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> any_finished_{false};

  mutable std::mutex mutex_;             // of everything below
  std::vector<SlabInWork> slabs_;     // made so far
  std::vector<std::uint32_t> open_;   // those with pieces to be given out
  std::size_t turn_ = 0;              // of the open ones
  std::uint64_t filled_bytes_ = 0;
  std::uint32_t taken_ = 0;
  Status error_;
};

}  // namespace pega
