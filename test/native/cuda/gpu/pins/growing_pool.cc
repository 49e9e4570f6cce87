#include "cuda/gpu/pins/growing_pool.h"

#include <chrono>
#include <thread>
#include <utility>

#include "cuda/gpu/gpu.h"

namespace pega::cuda::gpu {

GrowingPool::GrowingPool(const GrowingPlan& plan)
    : folder_(Take(PoolFolder::Create({.pool_dir = plan.folder, .slab_dir = "", .group = ""}, true))),
      header_(Take(ServerHeader::Acquire(folder_))),
      slabs_total_(static_cast<std::uint32_t>(plan.pool_bytes / plan.slab_bytes)) {
  Must(header_->Begin(plan.slab_bytes));
  filler_ = std::make_unique<SlabFiller>(FillPlan{.folder = folder_,
                                                  .pool_id = header_->pool_id(),
                                                  .slab_bytes = plan.slab_bytes,
                                                  .slabs_total = slabs_total_,
                                                  .threads = plan.fill_threads,
                                                  .fill = true,
                                                  .options = plan.fill,
                                                  .slabs_at_once = plan.slabs_at_once});
}

GrowingPool::~GrowingPool() {
  for (const auto& file : files_) file->Unlink();
}

bool GrowingPool::Poll() {
  for (std::unique_ptr<SlabFile>& file : filler_->TakeFinished()) {
    header_->PublishSlab(static_cast<std::uint32_t>(files_.size()), file->record());
    files_.push_back(std::move(file));
  }
  Must(filler_->progress().error);
  return files_.size() == slabs_total_;
}

void GrowingPool::FillAll() {
  Start();
  while (!Poll()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

std::shared_ptr<SlabSet> GrowingPool::Open() const {
  std::shared_ptr<HeaderView> view = Take(HeaderView::Open(folder_));
  return Take(SlabSet::Open(folder_, std::move(view), header_->boot_number()));
}

}  // namespace pega::cuda::gpu
