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
#include "cuda/device/block_id_ring.h"
#include "cuda/device/copy_kernels.h"
#include "cuda/device/span_tables.h"
#include "cuda/device/staging.h"
#include "cuda/device/stream_points.h"
#include "cuda/plan/copy_plan.h"
#include "cuda/plan/cost_model.h"

namespace pega::cuda {

class Lane {
 public:
  struct Part {  // of a piece: layers that are planned together
    SpanTables::LayerRange layers;
    CopyPlan plan;
    std::vector<RowSpan> spans;
  };
  struct Order {
    Direction direction = Direction::kToDevice;
    std::span<const Part> parts;  // in the order of their layers
    CUevent after = nullptr;      // null: at once
  };
  // What has been given. `status` says whether all of it; `end` is behind all that was, and empty
  // when the driver does not even record that: then nothing runs any more.
  struct Given {
    Status status;
    StreamPoints::PointPtr end;
    std::uint32_t id_lists = 0;  // in the ring until the end
  };

  // REQUIRES: the context is current on this thread; here and below.
  static Result<Lane> Create(const ContextPtr& context, std::shared_ptr<StreamPoints> points,
                             bool high_priority, std::uint64_t id_bytes);

  bool HasRoomFor(const Order& order) const;
  // REQUIRES: HasRoomFor(order).
  Given Give(const Order& order, const CopyKernels& kernels, Staging& staging);
  // Of the oldest Give, once it has ended.
  void GiveBackIds(std::uint32_t id_lists);

  std::uint64_t device_bytes() const { return span_tables_.device_bytes(); }

 private:
  // Where an order's copies and kernels go: one stream where there is nothing to overlap.
  struct Streams {
    const Stream& copies;
    const Stream& kernels;
    bool one() const { return &copies == &kernels; }
  };
  struct Launch {  // a kernel's, but for the chunk
    const CopyKernels& kernels;
    std::uint32_t width = 0;
    CopyRowsArguments arguments;
  };
  Streams StreamsFor(const Order& order) const;
  bool ReadsInPlace(Direction direction, const CopyPlan& plan, const Streams& streams) const;
  Status ScatterInPlace(const PitchedCopy& copy, const CopyPlan& plan, Launch launch);
  Status GiveAll(const Order& order, const CopyKernels& kernels, Staging& staging,
                 std::uint32_t& id_lists);
  Status GiveStaged(Direction direction, const Part& part, const Streams& streams,
                    const CopyKernels& kernels, Staging& staging);
  Status Scatter(std::span<const PitchedCopy> copies, const Launch& launch, const Streams& streams,
                 StagingBuffer& buffer);
  Status Gather(std::span<const PitchedCopy> copies, const Launch& launch, const Streams& streams,
                StagingBuffer& buffer);
  Status Copies(std::span<const PitchedCopy> copies, Direction direction, CUdeviceptr base,
                const Stream& stream);
  Status Wait(const Stream& stream, CUevent event);
  Status Record(const Event& event, const Stream& stream);
  Result<StreamPoints::PointPtr> End(const Order& order);
  Status JoinKernels();
  Result<StreamPoints::PointPtr> EndOfBoth(Staging& staging);

  ContextPtr context_;
  std::shared_ptr<StreamPoints> points_;
  Stream dma_;
  Stream kernel_;
  BlockIdRing ids_;
  bool reads_in_place_ = false;  // kernels can use a slot's own address
  SpanTables span_tables_;
};

}  // namespace pega::cuda
