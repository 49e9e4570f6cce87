// StreamPoints: events that are lent out as StreamPoint and come back when nobody needs them.
//
// Events are made as they are needed and kept: creating one costs more than recording it. A point
// may outlive the device, as a report of a job may; it keeps events and context alive.
// Used by native/cuda/device only. Thread safety: any thread.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/status.h"
#include "cuda/driver/handles.h"
#include "transfer/device.h"

namespace pega::cuda {

class StreamPoints : public std::enable_shared_from_this<StreamPoints> {
 public:
  class Point final : public StreamPoint {
   public:
    Point(std::shared_ptr<StreamPoints> home, Event event)
        : home_(std::move(home)), event_(std::move(event)) {}
    ~Point() override { home_->TakeBack(std::move(event_)); }
    Point(const Point&) = delete;
    Point& operator=(const Point&) = delete;
    CUevent event() const { return event_.get(); }

   private:
    const std::shared_ptr<StreamPoints> home_;
    Event event_;
  };
  using PointPtr = std::shared_ptr<const Point>;

  explicit StreamPoints(ContextPtr context) : context_(std::move(context)) {}

  // What `stream` has been given until now. REQUIRES: the context is current on this thread.
  Result<PointPtr> Record(CUstream stream);

 private:
  void TakeBack(Event event);

  const ContextPtr context_;
  std::mutex mutex_;
  std::vector<Event> idle_;  // guarded by mutex_
};

}  // namespace pega::cuda
