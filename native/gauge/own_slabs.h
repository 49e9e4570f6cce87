// OwnSlabs: slab files of one's own, as a server leaves them for engines, to measure copies with.
//
// The files lose their names as soon as they exist, so that nothing of them is left behind, even
// after SIGKILL. Not here: header, marks, holds: nobody else uses these slabs.
//
// Thread safety: one thread at a time; what First returned may be used in any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"
#include "shared/mapping.h"
#include "shared/pool_folder.h"
#include "shared/slab_set.h"

namespace pega::gauge {

struct OwnSlabsOptions {
  FolderOptions folder;
  FillOptions fill;
  std::uint32_t threads = 0;  // that fill; 0: one for each core
};

class OwnSlabs {
 public:
  // Errors: PoolFolder::Create's. NUMA nodes that the kernel refuses are left out.
  static Result<std::unique_ptr<OwnSlabs>> Open(const OwnSlabsOptions& options,
                                                std::uint64_t slab_bytes);

  // Makes slabs until there are `count` and fills them. kNoSpace; kCancelled.
  Status Grow(std::uint32_t count, const std::atomic<bool>& cancelled);
  // The first `count` as an engine sees them. REQUIRES: Grow(count).
  std::shared_ptr<SlabSet> First(std::uint32_t count) const;

  // Where a slab lies in this process, beside whatever else maps it.
  std::byte* address(std::uint32_t ordinal) const { return slabs_[ordinal].mapping.address(); }
  std::uint64_t slab_bytes() const { return slab_bytes_; }
  // Of the first slab; kSmall before there is one.
  SlabPages pages() const;

 private:
  struct Slab {
    std::shared_ptr<SlabFile> file;
    Mapping mapping;
  };
  OwnSlabs(PoolFolder folder, PoolId pool, std::uint64_t slab_bytes, OwnSlabsOptions options)
      : folder_(std::move(folder)),
        pool_(pool),
        slab_bytes_(slab_bytes),
        options_(std::move(options)) {}
  Result<Slab> Make(std::uint32_t ordinal, const std::atomic<bool>& cancelled) const;

  const PoolFolder folder_;
  const PoolId pool_;
  const std::uint64_t slab_bytes_;
  OwnSlabsOptions options_;
  std::vector<Slab> slabs_;
};

}  // namespace pega::gauge
