#include "cuda/device/lane.h"

#include <utility>

namespace pega::cuda {
namespace {

bool IsStaged(const CopyPlan& plan) { return !plan.chunks.empty(); }

CudaMemcpy2D Describe(const PitchedCopy& copy, Direction direction, CUdeviceptr base) {
  CudaMemcpy2D request{};
  request.width_bytes = copy.row_bytes;
  request.height = copy.rows;
  const CUdeviceptr device = base + copy.device_address;
  if (direction == Direction::kToDevice) {
    request.src_memory_type = kMemoryHost;
    request.src_host = reinterpret_cast<const void*>(copy.host_address);
    request.src_pitch = copy.host_pitch_bytes;
    request.dst_memory_type = kMemoryDevice;
    request.dst_device = device;
    request.dst_pitch = copy.device_pitch_bytes;
  } else {
    request.src_memory_type = kMemoryDevice;
    request.src_device = device;
    request.src_pitch = copy.device_pitch_bytes;
    request.dst_memory_type = kMemoryHost;
    request.dst_host = reinterpret_cast<void*>(copy.host_address);
    request.dst_pitch = copy.host_pitch_bytes;
  }
  return request;
}

}  // namespace

Result<Lane> Lane::Create(const ContextPtr& context, std::shared_ptr<StreamPoints> points,
                          bool high_priority, std::uint64_t argument_bytes) {
  Lane lane;
  lane.context_ = context;
  lane.points_ = std::move(points);
  for (Stream* stream : {&lane.dma_, &lane.kernel_}) {
    Result<Stream> made = MakeStream(context, high_priority);
    if (!made.ok()) return made.status();
    *stream = std::move(made).value();
  }
  Result<ArgumentRing> arguments = ArgumentRing::Create(context, argument_bytes);
  if (!arguments.ok()) return arguments.status();
  lane.arguments_ = std::move(arguments).value();
  return lane;
}

bool Lane::HasRoomFor(const Order& order) const {
  return !IsStaged(order.plan) ||
         arguments_.HasRoomFor(
             ArgumentRing::BytesFor(order.spans.size(), order.plan.staged_block_ids.size()));
}

Lane::Given Lane::Give(const Order& order, const CopyKernels& kernels, Staging& staging) {
  Given given;
  given.status = GiveAll(order, kernels, staging, given.took_arguments);
  Result<StreamPoints::PointPtr> end =
      given.status.ok() ? points_->Record(EndStream(order).get()) : EndOfBoth(staging);
  if (end.ok()) {
    given.end = std::move(end).value();
    return given;
  }
  if (given.status.ok()) given.status = end.status();
  const DriverApi& api = context_->api();
  api.StreamSynchronize(dma_.get());
  api.StreamSynchronize(kernel_.get());
  return given;
}

// The stream that the last chunk ends on waits for everything before it.
const Stream& Lane::EndStream(const Order& order) const {
  return IsStaged(order.plan) && order.direction == Direction::kToDevice ? kernel_ : dma_;
}

// Direct copies come first on the DMA stream, so whatever waits for a later event of it is behind
// them too.
Status Lane::GiveAll(const Order& order, const CopyKernels& kernels, Staging& staging, bool& took) {
  const CopyPlan& plan = order.plan;
  const bool gathers = IsStaged(plan) && order.direction == Direction::kToHost;
  if (order.after != nullptr) {
    PEGA_RETURN_IF_ERROR(Wait(dma_, order.after));
    if (gathers) PEGA_RETURN_IF_ERROR(Wait(kernel_, order.after));
  }
  PEGA_RETURN_IF_ERROR(Copies(plan.direct, order.direction, 0));
  if (!IsStaged(plan)) return Status::Ok();

  took = true;
  const Result<ArgumentRing::Arguments> put =
      arguments_.Put(order.spans, plan.staged_block_ids, kernel_.get());
  if (!put.ok()) return put.status();
  const CopyRowsArguments arguments{
      .spans = put.value().spans,
      .block_ids = put.value().block_ids,
      .rows = 0,
      .row_pitch_bytes = plan.row_bytes,
      .span_count = static_cast<std::uint32_t>(order.spans.size()),
      .block_count = 0,
  };
  for (const StagedChunk& chunk : plan.chunks) {
    PEGA_RETURN_IF_ERROR(GiveChunk(order, chunk, arguments, kernels, staging.Next()));
  }
  return Status::Ok();
}

Status Lane::GiveChunk(const Order& order, const StagedChunk& chunk, CopyRowsArguments arguments,
                       const CopyKernels& kernels, StagingBuffer& buffer) {
  arguments.rows = buffer.address;
  arguments.block_ids += chunk.first_block * sizeof(std::uint32_t);
  arguments.block_count = chunk.block_count;
  const Status given = order.direction == Direction::kToDevice
                           ? Scatter(order, chunk, arguments, kernels, buffer)
                           : Gather(order, chunk, arguments, kernels, buffer);
  if (given.ok()) buffer.used = true;
  return given;
}

Status Lane::Scatter(const Order& order, const StagedChunk& chunk,
                     const CopyRowsArguments& arguments, const CopyKernels& kernels,
                     StagingBuffer& buffer) {
  if (buffer.used) PEGA_RETURN_IF_ERROR(Wait(dma_, buffer.emptied.get()));
  PEGA_RETURN_IF_ERROR(
      Copies(std::span(order.plan.staged_copies).subspan(chunk.first_copy, chunk.copy_count),
             order.direction, buffer.address));
  PEGA_RETURN_IF_ERROR(Record(buffer.filled, dma_));
  PEGA_RETURN_IF_ERROR(Wait(kernel_, buffer.filled.get()));
  PEGA_RETURN_IF_ERROR(
      kernels.Launch(order.direction, CopyKernels::WidthOf(order.spans, arguments.row_pitch_bytes),
                     arguments, kernel_.get()));
  return Record(buffer.emptied, kernel_);
}

Status Lane::Gather(const Order& order, const StagedChunk& chunk,
                    const CopyRowsArguments& arguments, const CopyKernels& kernels,
                    StagingBuffer& buffer) {
  if (buffer.used) PEGA_RETURN_IF_ERROR(Wait(kernel_, buffer.emptied.get()));
  PEGA_RETURN_IF_ERROR(
      kernels.Launch(order.direction, CopyKernels::WidthOf(order.spans, arguments.row_pitch_bytes),
                     arguments, kernel_.get()));
  PEGA_RETURN_IF_ERROR(Record(buffer.filled, kernel_));
  PEGA_RETURN_IF_ERROR(Wait(dma_, buffer.filled.get()));
  PEGA_RETURN_IF_ERROR(
      Copies(std::span(order.plan.staged_copies).subspan(chunk.first_copy, chunk.copy_count),
             order.direction, buffer.address));
  return Record(buffer.emptied, dma_);
}

Status Lane::Copies(std::span<const PitchedCopy> copies, Direction direction, CUdeviceptr base) {
  const DriverApi& api = context_->api();
  for (const PitchedCopy& copy : copies) {
    if (copy.rows > 1) {
      const CudaMemcpy2D request = Describe(copy, direction, base);
      PEGA_RETURN_IF_ERROR(
          ToStatus(api, "cuMemcpy2DAsync", api.Memcpy2DAsync(&request, dma_.get())));
      continue;
    }
    const CUdeviceptr device = base + copy.device_address;
    void* host = reinterpret_cast<void*>(copy.host_address);
    PEGA_RETURN_IF_ERROR(
        direction == Direction::kToDevice
            ? ToStatus(api, "cuMemcpyHtoDAsync",
                       api.MemcpyHtoDAsync(device, host, copy.row_bytes, dma_.get()))
            : ToStatus(api, "cuMemcpyDtoHAsync",
                       api.MemcpyDtoHAsync(host, device, copy.row_bytes, dma_.get())));
  }
  return Status::Ok();
}

Status Lane::Wait(const Stream& stream, CUevent event) {
  const DriverApi& api = context_->api();
  return ToStatus(api, "cuStreamWaitEvent", api.StreamWaitEvent(stream.get(), event, 0));
}

Status Lane::Record(const Event& event, const Stream& stream) {
  const DriverApi& api = context_->api();
  return ToStatus(api, "cuEventRecord", api.EventRecord(event.get(), stream.get()));
}

// Behind what both streams were given, however far that came. A buffer may have been filled for a
// kernel that never came: another lane must not fill it before this one is done with it.
Result<StreamPoints::PointPtr> Lane::EndOfBoth(Staging& staging) {
  Result<StreamPoints::PointPtr> kernels = points_->Record(kernel_.get());
  if (!kernels.ok()) return kernels.status();
  PEGA_RETURN_IF_ERROR(Wait(dma_, kernels.value()->event()));
  for (StagingBuffer& buffer : staging.buffers()) {
    if (buffer.used) PEGA_RETURN_IF_ERROR(Wait(dma_, buffer.emptied.get()));
    PEGA_RETURN_IF_ERROR(Record(buffer.emptied, dma_));
    buffer.used = true;
  }
  return points_->Record(dma_.get());
}

}  // namespace pega::cuda
