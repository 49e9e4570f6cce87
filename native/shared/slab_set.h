// SlabSet: an engine's slabs, opened as they are first needed, for one boot of the server.
//
// When the boot number changes the owner drops the SlabSet, and with it every descriptor and
// mapping: a new server waits for that memory (PROTOCOL §2). Thread safety: any thread.
#pragma once

#include <cstdint>
#include <memory>

#include "base/status.h"
#include "shared/pool_folder.h"
#include "shared/pool_header.h"
#include "shared/slab_file.h"

namespace pega {

class SlabSet {
 public:
  // The header is shared with its owner's HoldFile checks; boot is Register's.
  static Result<std::shared_ptr<SlabSet>> Open(const PoolFolder& folder,
                                               std::shared_ptr<HeaderView> header, std::uint64_t boot);
  virtual ~SlabSet() = default;

  // kStaleBoot, kNotFound or kSlabChanged: the caller treats each as a miss.
  virtual Result<std::shared_ptr<SlabFile>> Slab(std::uint32_t ordinal) = 0;
  virtual std::uint32_t slab_count() const = 0;  // published so far
  virtual std::uint64_t boot() const = 0;
};

}  // namespace pega
