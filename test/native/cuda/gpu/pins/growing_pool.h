// GrowingPool: a pool's folder, header and slabs, filled by the server's own filler while an engine's
// SlabSet of this process sees them come.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pool/slab_filler.h"
#include "shared/pool_header.h"
#include "shared/slab_set.h"

namespace pega::cuda::gpu {

struct GrowingPlan {
  std::string folder;  // a tmpfs or hugetlbfs; header and slabs get a folder there
  std::uint64_t pool_bytes = 0;
  std::uint64_t slab_bytes = 0;
  std::uint32_t fill_threads = 16;
  std::uint32_t slabs_at_once = 4;
  FillOptions fill;
};

class GrowingPool {
 public:
  explicit GrowingPool(const GrowingPlan& plan);
  ~GrowingPool();
  GrowingPool(const GrowingPool&) = delete;

  void Start() { filler_->Start(); }
  bool Poll();  // publishes what is full; true: all is
  void FillAll();
  std::shared_ptr<SlabSet> Open() const;
  std::uint32_t slabs_total() const { return slabs_total_; }
  SlabPages pages() const { return files_.empty() ? SlabPages::kSmall : files_[0]->pages(); }

 private:
  const PoolFolder folder_;
  std::unique_ptr<ServerHeader> header_;
  const std::uint32_t slabs_total_;
  std::unique_ptr<SlabFiller> filler_;
  std::vector<std::unique_ptr<SlabFile>> files_;
};

}  // namespace pega::cuda::gpu
