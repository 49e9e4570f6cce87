#include "cuda/device/stream_points.h"

namespace pega::cuda {

Result<StreamPoints::PointPtr> StreamPoints::Record(CUstream stream) {
  Event event;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      event = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!event) {
    Result<Event> made = MakeEvent(context_);
    if (!made.ok()) return made.status();
    event = std::move(made).value();
  }
  const DriverApi& api = context_->api();
  const Status recorded = ToStatus(api, "cuEventRecord", api.EventRecord(event.get(), stream));
  if (!recorded.ok()) return recorded;
  return PointPtr(std::make_shared<const Point>(shared_from_this(), std::move(event)));
}

void StreamPoints::TakeBack(Event event) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(event));
}

}  // namespace pega::cuda
