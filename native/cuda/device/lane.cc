#include "cuda/device/lane.h"

#include <algorithm>
#include <utility>

namespace pega::cuda {
namespace {

bool IsStaged(const Lane::Part& part) { return !part.plan.chunks.empty(); }

bool AnyStaged(std::span<const Lane::Part> parts) {
  return std::any_of(parts.begin(), parts.end(), IsStaged);
}

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
  std::uint64_t bytes = 0;
  for (const Part& part : order.parts) {
    if (!IsStaged(part)) continue;
    bytes += ArgumentRing::BytesFor(part.spans.size(), part.plan.staged_block_ids.size());
  }
  return bytes == 0 || arguments_.HasRoomFor(bytes);
}

void Lane::GiveBackArguments(std::uint32_t taken) {
  for (std::uint32_t i = 0; i < taken; ++i) arguments_.GiveBackOldest();
}

Lane::Given Lane::Give(const Order& order, const CopyKernels& kernels, Staging& staging) {
  Given given;
  given.status = GiveAll(order, kernels, staging, given.arguments_taken);
  Result<StreamPoints::PointPtr> end = given.status.ok() ? End(order) : EndOfBoth(staging);
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

Status Lane::GiveAll(const Order& order, const CopyKernels& kernels, Staging& staging,
                     std::uint32_t& taken) {
  const bool gathers = order.direction == Direction::kToHost && AnyStaged(order.parts);
  if (order.after != nullptr) {
    PEGA_RETURN_IF_ERROR(Wait(dma_, order.after));
    if (gathers) PEGA_RETURN_IF_ERROR(Wait(kernel_, order.after));
  }
  for (const Part& part : order.parts) {
    PEGA_RETURN_IF_ERROR(Copies(part.plan.direct, order.direction, 0));
    if (!IsStaged(part)) continue;
    ++taken;
    PEGA_RETURN_IF_ERROR(GiveStaged(order.direction, part, kernels, staging));
  }
  return Status::Ok();
}

Status Lane::GiveStaged(Direction direction, const Part& part, const CopyKernels& kernels,
                        Staging& staging) {
  const CopyPlan& plan = part.plan;
  const Result<ArgumentRing::Arguments> put =
      arguments_.Put(part.spans, plan.staged_block_ids, kernel_.get());
  if (!put.ok()) return put.status();
  Launch launch{.kernels = kernels,
                .width = CopyKernels::WidthOf(part.spans, plan.row_bytes),
                .arguments = {.spans = put.value().spans,
                              .block_ids = 0,
                              .rows = 0,
                              .row_pitch_bytes = plan.row_bytes,
                              .span_count = static_cast<std::uint32_t>(part.spans.size()),
                              .block_count = 0}};
  for (const StagedChunk& chunk : plan.chunks) {
    StagingBuffer& buffer = staging.Next();
    launch.arguments.rows = buffer.address;
    launch.arguments.block_ids = put.value().block_ids + chunk.first_block * sizeof(std::uint32_t);
    launch.arguments.block_count = chunk.block_count;
    const auto copies =
        std::span(plan.staged_copies).subspan(chunk.first_copy, chunk.copy_count);
    PEGA_RETURN_IF_ERROR(direction == Direction::kToDevice ? Scatter(copies, launch, buffer)
                                                           : Gather(copies, launch, buffer));
    buffer.used = true;
  }
  return Status::Ok();
}

Status Lane::Scatter(std::span<const PitchedCopy> copies, const Launch& launch,
                     StagingBuffer& buffer) {
  if (buffer.used) PEGA_RETURN_IF_ERROR(Wait(dma_, buffer.emptied.get()));
  PEGA_RETURN_IF_ERROR(Copies(copies, Direction::kToDevice, buffer.address));
  PEGA_RETURN_IF_ERROR(Record(buffer.filled, dma_));
  PEGA_RETURN_IF_ERROR(Wait(kernel_, buffer.filled.get()));
  PEGA_RETURN_IF_ERROR(launch.kernels.Launch(Direction::kToDevice, launch.width, launch.arguments,
                                             kernel_.get()));
  return Record(buffer.emptied, kernel_);
}

Status Lane::Gather(std::span<const PitchedCopy> copies, const Launch& launch,
                    StagingBuffer& buffer) {
  if (buffer.used) PEGA_RETURN_IF_ERROR(Wait(kernel_, buffer.emptied.get()));
  PEGA_RETURN_IF_ERROR(
      launch.kernels.Launch(Direction::kToHost, launch.width, launch.arguments, kernel_.get()));
  PEGA_RETURN_IF_ERROR(Record(buffer.filled, kernel_));
  PEGA_RETURN_IF_ERROR(Wait(dma_, buffer.filled.get()));
  PEGA_RETURN_IF_ERROR(Copies(copies, Direction::kToHost, buffer.address));
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

// Behind all of an order. Gathered rows end on the DMA stream. Scattered ones end on the kernel
// stream, whose last kernel waits for all copies before it; but for direct copies behind it.
Result<StreamPoints::PointPtr> Lane::End(const Order& order) {
  if (order.direction == Direction::kToDevice && AnyStaged(order.parts)) {
    if (IsStaged(order.parts.back())) return points_->Record(kernel_.get());
    PEGA_RETURN_IF_ERROR(JoinKernels());
  }
  return points_->Record(dma_.get());
}

Status Lane::JoinKernels() {
  const Result<StreamPoints::PointPtr> kernels = points_->Record(kernel_.get());
  if (!kernels.ok()) return kernels.status();
  return Wait(dma_, kernels.value()->event());
}

// Behind what both streams were given, however far that came. A buffer may have been filled for a
// kernel that never came: another lane must not fill it before this one is done with it.
Result<StreamPoints::PointPtr> Lane::EndOfBoth(Staging& staging) {
  PEGA_RETURN_IF_ERROR(JoinKernels());
  for (StagingBuffer& buffer : staging.buffers()) {
    if (buffer.used) PEGA_RETURN_IF_ERROR(Wait(dma_, buffer.emptied.get()));
    PEGA_RETURN_IF_ERROR(Record(buffer.emptied, dma_));
    buffer.used = true;
  }
  return points_->Record(dma_.get());
}

}  // namespace pega::cuda
