// Lane: two streams, one for DMA and one for kernels, and how a plan is given to them.
//
// Copies of the next chunk run on the DMA stream while the kernel of this one works on its buffer;
// events order the two. Everything is given without waiting. Thread safety: none; its owner guards
// it, and the staging that it shares.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "cuda/device/argument_ring.h"
#include "cuda/device/copy_kernels.h"
#include "cuda/device/staging.h"
#include "cuda/device/stream_points.h"
#include "cuda/plan/copy_plan.h"
#include "cuda/plan/cost_model.h"

namespace pega::cuda {

class Lane {
 public:
  struct Order {
    Direction direction = Direction::kToDevice;
    const CopyPlan& plan;
    std::span<const RowSpan> spans;  // of the piece's layers
    CUevent after = nullptr;         // null: at once
  };
  // What has been given. `status` says whether all of it; `end` is behind all that was, and empty
  // when the driver does not even record that: then nothing runs any more.
  struct Given {
    Status status;
    StreamPoints::PointPtr end;
    bool took_arguments = false;
  };

  // REQUIRES: the context is current on this thread; here and below.
  static Result<Lane> Create(const ContextPtr& context, std::shared_ptr<StreamPoints> points,
                             bool high_priority, std::uint64_t argument_bytes);

  bool HasRoomFor(const Order& order) const;
  // REQUIRES: HasRoomFor(order).
  Given Give(const Order& order, const CopyKernels& kernels, Staging& staging);
  // Of the oldest Give that took_arguments, once that has ended.
  void GiveBackArguments() { arguments_.GiveBackOldest(); }

  std::uint64_t device_bytes() const { return arguments_.bytes(); }

 private:
  Status GiveAll(const Order& order, const CopyKernels& kernels, Staging& staging, bool& took);
  Status GiveChunk(const Order& order, const StagedChunk& chunk, CopyRowsArguments arguments,
                   const CopyKernels& kernels, StagingBuffer& buffer);
  Status Scatter(const Order& order, const StagedChunk& chunk, const CopyRowsArguments& arguments,
                 const CopyKernels& kernels, StagingBuffer& buffer);
  Status Gather(const Order& order, const StagedChunk& chunk, const CopyRowsArguments& arguments,
                const CopyKernels& kernels, StagingBuffer& buffer);
  Status Copies(std::span<const PitchedCopy> copies, Direction direction, CUdeviceptr base);
  Status Wait(const Stream& stream, CUevent event);
  Status Record(const Event& event, const Stream& stream);
  const Stream& EndStream(const Order& order) const;
  Result<StreamPoints::PointPtr> EndOfBoth(Staging& staging);

  ContextPtr context_;
  std::shared_ptr<StreamPoints> points_;
  Stream dma_;
  Stream kernel_;
  ArgumentRing arguments_;
};

}  // namespace pega::cuda
