#include "cuda/device/lane.h"

#include <algorithm>
#include <utility>

namespace pega::cuda {
namespace {

bool IsStaged(const Lane::Part& part) { return !part.plan.chunks.empty(); }

constexpr std::uint64_t kIdsRoundedUp = 32;
// A kernel that reads a slot over the link is one step less than DMA and kernel, but slows
// computation beside it (DESIGN §2). One block on an H100: 256 KiB 38 µs instead of 52, 2 MiB no less.
constexpr std::uint64_t kReadInPlaceBytesMax = std::uint64_t{1} << 20;
constexpr std::uint64_t kSpanTableBytes = std::uint64_t{256} << 10;

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
                          bool high_priority, std::uint64_t id_bytes) {
  Lane lane;
  lane.context_ = context;
  lane.points_ = std::move(points);
  for (Stream* stream : {&lane.dma_, &lane.kernel_}) {
    Result<Stream> made = MakeStream(context, high_priority);
    if (!made.ok()) return made.status();
    *stream = std::move(made).value();
  }
  Result<BlockIdRing> ids = BlockIdRing::Create(context, id_bytes);
  if (!ids.ok()) return ids.status();
  lane.ids_ = std::move(ids).value();
  Result<SpanTables> tables = SpanTables::Create(context, kSpanTableBytes);
  if (!tables.ok()) return tables.status();
  lane.span_tables_ = std::move(tables).value();
  int in_place = 0;
  const CUresult asked = context->api().DeviceGetAttribute(
      &in_place, kAttributeHostPointersOfRegisteredMemory, context->device());
  lane.reads_in_place_ = asked == kSuccess && in_place != 0;
  return lane;
}

// As if all lists were one: each is rounded up by itself.
bool Lane::HasRoomFor(const Order& order) const {
  std::uint64_t ids = 0;
  for (const Part& part : order.parts) {
    if (IsStaged(part)) ids += part.plan.staged_block_ids.size() + kIdsRoundedUp;
  }
  return ids == 0 || ids_.HasRoomFor(ids);
}

void Lane::GiveBackIds(std::uint32_t id_lists) {
  for (std::uint32_t i = 0; i < id_lists; ++i) ids_.GiveBackOldest();
}

Lane::Given Lane::Give(const Order& order, const CopyKernels& kernels, Staging& staging) {
  Given given;
  given.status = GiveAll(order, kernels, staging, given.id_lists);
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

// A single chunk has nothing to overlap with: on one stream it ends some microseconds sooner. It is
// that of the kernels, which the span tables are sent on.
Lane::Streams Lane::StreamsFor(const Order& order) const {
  const bool single = order.parts.size() == 1 && order.parts[0].plan.direct.empty() &&
                      order.parts[0].plan.chunks.size() == 1;
  return {single ? kernel_ : dma_, kernel_};
}

Status Lane::GiveAll(const Order& order, const CopyKernels& kernels, Staging& staging,
                     std::uint32_t& id_lists) {
  const Streams streams = StreamsFor(order);
  if (order.after != nullptr) {
    PEGA_RETURN_IF_ERROR(Wait(streams.copies, order.after));
    const bool gathers = order.direction == Direction::kToHost && AnyStaged(order.parts);
    if (gathers && !streams.one()) PEGA_RETURN_IF_ERROR(Wait(streams.kernels, order.after));
  }
  for (const Part& part : order.parts) {
    PEGA_RETURN_IF_ERROR(Copies(part.plan.direct, order.direction, 0, streams.copies));
    if (!IsStaged(part)) continue;
    ++id_lists;
    PEGA_RETURN_IF_ERROR(GiveStaged(order.direction, part, streams, kernels, staging));
  }
  return Status::Ok();
}

Status Lane::GiveStaged(Direction direction, const Part& part, const Streams& streams,
                        const CopyKernels& kernels, Staging& staging) {
  const CopyPlan& plan = part.plan;
  const CUdeviceptr ids = ids_.Put(plan.staged_block_ids);
  const Result<CUdeviceptr> spans = span_tables_.Find(part.layers, part.spans, streams.kernels);
  if (!spans.ok()) return spans.status();
  Launch launch{.kernels = kernels,
                .width = CopyKernels::WidthOf(part.spans, plan.row_bytes),
                .arguments = {.spans = spans.value(),
                              .block_ids = 0,
                              .rows = 0,
                              .row_pitch_bytes = plan.row_bytes,
                              .span_count = static_cast<std::uint32_t>(part.spans.size()),
                              .block_count = 0}};
  if (ReadsInPlace(direction, plan, streams)) {
    launch.arguments.block_ids = ids;
    launch.arguments.block_count = plan.chunks[0].block_count;
    return ScatterInPlace(plan.staged_copies[0], plan, launch);
  }
  for (const StagedChunk& chunk : plan.chunks) {
    StagingBuffer& buffer = staging.Next();
    launch.arguments.rows = buffer.address;
    launch.arguments.block_ids = ids + chunk.first_block * sizeof(std::uint32_t);
    launch.arguments.block_count = chunk.block_count;
    const auto copies =
        std::span(plan.staged_copies).subspan(chunk.first_copy, chunk.copy_count);
    PEGA_RETURN_IF_ERROR(direction == Direction::kToDevice
                             ? Scatter(copies, launch, streams, buffer)
                             : Gather(copies, launch, streams, buffer));
    buffer.used = true;
  }
  return Status::Ok();
}

bool Lane::ReadsInPlace(Direction direction, const CopyPlan& plan, const Streams& streams) const {
  return reads_in_place_ && direction == Direction::kToDevice && streams.one() &&
         plan.staged_copies.size() == 1 &&
         plan.staged_copies[0].row_bytes * plan.staged_copies[0].rows <= kReadInPlaceBytesMax;
}

// Rows that touch each other are one long row of the copy.
Status Lane::ScatterInPlace(const PitchedCopy& copy, const CopyPlan& plan, Launch launch) {
  launch.arguments.rows = copy.host_address;
  launch.arguments.row_pitch_bytes = copy.rows > 1 ? copy.host_pitch_bytes : plan.row_bytes;
  launch.width = std::min(
      launch.width,
      CopyKernels::WidthOf({}, launch.arguments.rows | launch.arguments.row_pitch_bytes));
  return launch.kernels.Launch(Direction::kToDevice, launch.width, launch.arguments, kernel_.get());
}

Status Lane::Scatter(std::span<const PitchedCopy> copies, const Launch& launch,
                     const Streams& streams, StagingBuffer& buffer) {
  if (buffer.used) PEGA_RETURN_IF_ERROR(Wait(streams.copies, buffer.emptied.get()));
  PEGA_RETURN_IF_ERROR(Copies(copies, Direction::kToDevice, buffer.address, streams.copies));
  if (!streams.one()) {
    PEGA_RETURN_IF_ERROR(Record(buffer.filled, streams.copies));
    PEGA_RETURN_IF_ERROR(Wait(streams.kernels, buffer.filled.get()));
  }
  PEGA_RETURN_IF_ERROR(launch.kernels.Launch(Direction::kToDevice, launch.width, launch.arguments,
                                             streams.kernels.get()));
  return Record(buffer.emptied, streams.kernels);
}

Status Lane::Gather(std::span<const PitchedCopy> copies, const Launch& launch,
                    const Streams& streams, StagingBuffer& buffer) {
  if (buffer.used) PEGA_RETURN_IF_ERROR(Wait(streams.kernels, buffer.emptied.get()));
  PEGA_RETURN_IF_ERROR(launch.kernels.Launch(Direction::kToHost, launch.width, launch.arguments,
                                             streams.kernels.get()));
  if (!streams.one()) {
    PEGA_RETURN_IF_ERROR(Record(buffer.filled, streams.kernels));
    PEGA_RETURN_IF_ERROR(Wait(streams.copies, buffer.filled.get()));
  }
  PEGA_RETURN_IF_ERROR(Copies(copies, Direction::kToHost, buffer.address, streams.copies));
  return Record(buffer.emptied, streams.copies);
}

Status Lane::Copies(std::span<const PitchedCopy> copies, Direction direction, CUdeviceptr base,
                    const Stream& stream) {
  const DriverApi& api = context_->api();
  for (const PitchedCopy& copy : copies) {
    if (copy.rows > 1) {
      const CudaMemcpy2D request = Describe(copy, direction, base);
      PEGA_RETURN_IF_ERROR(
          ToStatus(api, "cuMemcpy2DAsync", api.Memcpy2DAsync(&request, stream.get())));
      continue;
    }
    const CUdeviceptr device = base + copy.device_address;
    void* host = reinterpret_cast<void*>(copy.host_address);
    PEGA_RETURN_IF_ERROR(
        direction == Direction::kToDevice
            ? ToStatus(api, "cuMemcpyHtoDAsync",
                       api.MemcpyHtoDAsync(device, host, copy.row_bytes, stream.get()))
            : ToStatus(api, "cuMemcpyDtoHAsync",
                       api.MemcpyDtoHAsync(host, device, copy.row_bytes, stream.get())));
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
  if (StreamsFor(order).one()) return points_->Record(kernel_.get());
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
