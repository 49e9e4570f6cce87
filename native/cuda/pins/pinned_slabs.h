// PinnedSlabs: maps the slabs of a pool into this process and registers them with CUDA, in the
// background, piece by piece, so that copies run at the link's speed.
//
// Threads of its own map each slab as the server publishes it and register pieces of at most
// piece_bytes, lowest ordinal first unless another was asked for by Need. A slab can be copied from
// and to once all of it is registered; then it stays so until this object goes. Once copies have
// begun (SetServing) one thread goes on, with pauses between pieces, so that registering does not
// hold up the launches of the model's thread; a slab that was asked for is registered without. A slab
// that can't be mapped or registered is left out and its reason kept.
//
// Thread safety: any thread. The destructor ends the threads, unregisters and unmaps: no copy may be
// in flight.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/status.h"
#include "cuda/driver/handles.h"
#include "shared/slab_set.h"

namespace pega::cuda {

struct PinOptions {
  std::uint64_t slab_bytes = 0;
  std::uint64_t piece_bytes = std::uint64_t{64} << 20;
  // After each piece while serving, as a multiple of the piece's own time.
  double serving_pause_factor = 4.0;
  std::uint32_t threads = 1;  // that register, each its own slab, until copies have begun
};

struct PinProgress {
  std::uint32_t slabs_published = 0;
  std::uint32_t slabs_ready = 0;  // registered, from the first on without a gap
  std::uint64_t registered_bytes = 0;
  std::uint64_t registering_ns = 0;  // time spent in the driver
  Status error;                      // the first that left a slab out
};

// Where a slab lies in this process. No copy may cross a multiple of piece_bytes within the slab:
// each piece is registered by itself.
struct PinnedSlab {
  std::byte* address = nullptr;
  std::shared_ptr<SlabFile> file;
};

class PinnedSlabs {
 public:
  // `on_pinned` is called on a thread of this object after each slab, after one that failed, and
  // when what Find says has changed otherwise. It must not wait for the destructor.
  static std::unique_ptr<PinnedSlabs> Start(ContextPtr context, std::shared_ptr<SlabSet> slabs,
                                            PinOptions options, std::function<void()> on_pinned);
  virtual ~PinnedSlabs() = default;

  // The slab if it is registered. kTimeout: not yet, it is worth waiting for on_pinned. Else why it
  // never will be (kSlabChanged, kStaleBoot, kDevice …; kNotFound: Need asked for it, and the pool
  // has published no such slab). No system call, no lock.
  virtual Result<const PinnedSlab*> Find(std::uint32_t ordinal) const = 0;
  virtual void Need(std::uint32_t ordinal) = 0;  // register this one next
  virtual void SetServing() = 0;
  virtual PinProgress progress() const = 0;
  virtual std::uint64_t piece_bytes() const = 0;
};

}  // namespace pega::cuda
