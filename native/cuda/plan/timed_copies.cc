#include "cuda/plan/timed_copies.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <random>
#include <span>
#include <utility>

#include "cuda/kernels/copy_rows.h"
#include "cuda/kernels/kernel_images.h"

namespace pega::cuda {
namespace {

constexpr std::uint64_t kHostBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kArgumentBytes = 4096;  // block ids on the host, spans on the GPU
constexpr std::uint64_t kBlocksBytes = std::uint64_t{32} << 20;
constexpr std::uint64_t kSpanBytes = std::uint64_t{64} << 10;
constexpr std::uint32_t kSpans = TimedCopies::kRowBytes / kSpanBytes;
constexpr std::uint32_t kBlocks = kBlocksBytes / TimedCopies::kRowBytes;
constexpr std::uint32_t kRowsPerChunk = TimedCopies::kChunkBytes / TimedCopies::kRowBytes;
constexpr std::uint32_t kDistinctChunks = kBlocks / kRowsPerChunk;
constexpr std::uint64_t kRowPitch = kHostBytes / kBlocks;  // of staged rows
constexpr std::uint64_t kBusyBytes = std::uint64_t{4} << 20;
constexpr unsigned kCtas = 16;
constexpr unsigned kThreads = 512;

// Takes what a maker of handles gives.
template <typename T>
Status Take(Result<T> made, T& target) {
  if (!made.ok()) return made.status();
  target = std::move(made).value();
  return Status::Ok();
}

}  // namespace

Result<TimedCopies> TimedCopies::Create(const ContextPtr& context) {
  TimedCopies copies;
  copies.context_ = context;
  PEGA_RETURN_IF_ERROR(copies.Prepare());
  return copies;
}

TimedCopies::~TimedCopies() {
  for (const Stream* stream : {&dma_, &kernel_}) {
    if (*stream) context_->api().StreamSynchronize(stream->get());
  }
}

Status TimedCopies::Prepare() {
  PEGA_RETURN_IF_ERROR(Take(AllocateHost(context_, kHostBytes + kArgumentBytes), host_));
  PEGA_RETURN_IF_ERROR(
      Take(AllocateDevice(context_, kBlocksBytes + 2 * kChunkBytes + kArgumentBytes), device_));
  PEGA_RETURN_IF_ERROR(Take(LoadModule(context_, CopyRowsPtx()), module_));
  PEGA_RETURN_IF_ERROR(Take(FindFunction(*context_, module_, "pega_scatter_16"), kernels_[0]));
  PEGA_RETURN_IF_ERROR(Take(FindFunction(*context_, module_, "pega_gather_16"), kernels_[1]));
  PEGA_RETURN_IF_ERROR(Take(MakeTimingEvent(context_), start_));
  PEGA_RETURN_IF_ERROR(Take(MakeTimingEvent(context_), end_));
  for (std::size_t i = 0; i < 2; ++i) {
    PEGA_RETURN_IF_ERROR(Take(MakeEvent(context_), copied_[i]));
    PEGA_RETURN_IF_ERROR(Take(MakeEvent(context_), scattered_[i]));
  }
  PEGA_RETURN_IF_ERROR(Take(MakeStream(context_, true), dma_));
  PEGA_RETURN_IF_ERROR(Take(MakeStream(context_, true), kernel_));

  auto* arguments = static_cast<std::byte*>(host_.get()) + kHostBytes;
  const std::span spans(reinterpret_cast<RowSpan*>(arguments), kSpans);
  for (std::uint32_t i = 0; i < kSpans; ++i) {
    spans[i] = {device_.get() + i * kBlocks * kSpanBytes, kSpanBytes, kSpanBytes, i * kSpanBytes};
  }
  PEGA_RETURN_IF_ERROR(GiveCopy(Direction::kToDevice, kHostBytes,
                                device_.get() + kBlocksBytes + 2 * kChunkBytes,
                                spans.size_bytes()));
  PEGA_RETURN_IF_ERROR(ToStatus(context_->api(), "cuStreamSynchronize",
                                context_->api().StreamSynchronize(dma_.get())));
  const std::span ids(reinterpret_cast<std::uint32_t*>(arguments), kBlocks);
  std::iota(ids.begin(), ids.end(), 0U);
  std::shuffle(ids.begin(), ids.end(), std::mt19937(1));
  return Status::Ok();
}

CUdeviceptr TimedCopies::StagingBuffer(std::uint32_t chunk) const {
  return device_.get() + kBlocksBytes + chunk % 2 * kChunkBytes;
}

Status TimedCopies::GiveCopy(Direction direction, std::uint64_t host_offset, CUdeviceptr device,
                             std::uint64_t bytes) {
  std::byte* host = static_cast<std::byte*>(host_.get()) + host_offset;
  const DriverApi& api = context_->api();
  if (direction == Direction::kToDevice) {
    return ToStatus(api, "cuMemcpyHtoDAsync", api.MemcpyHtoDAsync(device, host, bytes, dma_.get()));
  }
  return ToStatus(api, "cuMemcpyDtoHAsync", api.MemcpyDtoHAsync(host, device, bytes, dma_.get()));
}

Status TimedCopies::GivePitched(Direction direction, std::uint64_t host_offset,
                                std::uint64_t host_pitch, CUdeviceptr device,
                                std::uint64_t row_bytes, std::uint64_t rows) {
  std::byte* host = static_cast<std::byte*>(host_.get()) + host_offset;
  CudaMemcpy2D copy = {};
  copy.width_bytes = row_bytes;
  copy.height = rows;
  if (direction == Direction::kToDevice) {
    copy.src_memory_type = kMemoryHost;
    copy.src_host = host;
    copy.src_pitch = host_pitch;
    copy.dst_memory_type = kMemoryDevice;
    copy.dst_device = device;
    copy.dst_pitch = row_bytes;
  } else {
    copy.src_memory_type = kMemoryDevice;
    copy.src_device = device;
    copy.src_pitch = row_bytes;
    copy.dst_memory_type = kMemoryHost;
    copy.dst_host = host;
    copy.dst_pitch = host_pitch;
  }
  return ToStatus(context_->api(), "cuMemcpy2DAsync",
                  context_->api().Memcpy2DAsync(&copy, dma_.get()));
}

Status TimedCopies::Order(const Event& event, const Stream& before, const Stream& behind) {
  const DriverApi& api = context_->api();
  PEGA_RETURN_IF_ERROR(ToStatus(api, "cuEventRecord", api.EventRecord(event.get(), before.get())));
  return ToStatus(api, "cuStreamWaitEvent", api.StreamWaitEvent(behind.get(), event.get(), 0));
}

// Both streams go on behind `start_`, which waits for a copy.
Status TimedCopies::Begin() {
  PEGA_RETURN_IF_ERROR(GiveCopy(Direction::kToDevice, 0, device_.get(), kBusyBytes));
  return Order(start_, dma_, kernel_);
}

Result<double> TimedCopies::End(const Stream& stream) {
  const DriverApi& api = context_->api();
  PEGA_RETURN_IF_ERROR(ToStatus(api, "cuEventRecord", api.EventRecord(end_.get(), stream.get())));
  PEGA_RETURN_IF_ERROR(ToStatus(api, "cuEventSynchronize", api.EventSynchronize(end_.get())));
  float milliseconds = 0;
  PEGA_RETURN_IF_ERROR(ToStatus(api, "cuEventElapsedTime",
                                api.EventElapsedTime(&milliseconds, start_.get(), end_.get())));
  return static_cast<double>(milliseconds) * 1e-3;
}

Result<double> TimedCopies::Long(Direction direction, std::uint64_t bytes) {
  PEGA_RETURN_IF_ERROR(Begin());
  PEGA_RETURN_IF_ERROR(GiveCopy(direction, 0, device_.get(), bytes));
  return End(dma_);
}

Result<double> TimedCopies::Pitched(Direction direction, std::uint64_t row_bytes) {
  PEGA_RETURN_IF_ERROR(Begin());
  PEGA_RETURN_IF_ERROR(GivePitched(direction, 0, kHostBytes / kCopyBytes * row_bytes, device_.get(),
                                   row_bytes, kCopyBytes / row_bytes));
  return End(dma_);
}

Result<TimedCopies::Many> TimedCopies::ManyCopies(Direction direction) {
  PEGA_RETURN_IF_ERROR(Begin());
  const auto began = std::chrono::steady_clock::now();
  constexpr std::uint64_t kBytes = kCopyBytes / kManyCopies;
  for (std::uint64_t i = 0; i < kManyCopies; ++i) {
    PEGA_RETURN_IF_ERROR(GiveCopy(direction, 2 * i * kBytes, device_.get() + i * kBytes, kBytes));
  }
  const std::chrono::duration<double> given = std::chrono::steady_clock::now() - began;
  const Result<double> seconds = End(dma_);
  if (!seconds.ok()) return seconds.status();
  return Many{seconds.value(), given.count()};
}

Status TimedCopies::LaunchKernel(Direction direction, std::uint32_t chunk, std::uint32_t rows) {
  const auto ids = reinterpret_cast<std::uint64_t>(host_.get()) + kHostBytes;
  CopyRowsArguments arguments = {
      .spans = device_.get() + kBlocksBytes + 2 * kChunkBytes,
      .block_ids = ids + chunk % kDistinctChunks * kRowsPerChunk * sizeof(std::uint32_t),
      .rows = StagingBuffer(chunk),
      .row_pitch_bytes = kRowBytes,
      .span_count = kSpans,
      .block_count = rows};
  void* parameters[] = {&arguments};
  const DriverApi& api = context_->api();
  return ToStatus(api, "cuLaunchKernel",
                  api.LaunchKernel(kernels_[static_cast<std::size_t>(direction)], kCtas, 1, 1,
                                   kThreads, 1, 1, 0, kernel_.get(), parameters, nullptr));
}

// A buffer's first use waits for nothing; each later one for the former's last step.
Status TimedCopies::GiveChunk(Direction direction, std::uint32_t chunk, std::uint32_t rows) {
  const auto copy = [&] {
    return GivePitched(direction, chunk % kDistinctChunks * kRowsPerChunk * kRowPitch, kRowPitch,
                       StagingBuffer(chunk), kRowBytes, rows);
  };
  const Event& copied = copied_[chunk % 2];
  const Event& scattered = scattered_[chunk % 2];
  const DriverApi& api = context_->api();
  if (direction == Direction::kToDevice) {
    if (chunk >= 2) {
      PEGA_RETURN_IF_ERROR(
          ToStatus(api, "cuStreamWaitEvent", api.StreamWaitEvent(dma_.get(), scattered.get(), 0)));
    }
    PEGA_RETURN_IF_ERROR(copy());
    PEGA_RETURN_IF_ERROR(Order(copied, dma_, kernel_));
    PEGA_RETURN_IF_ERROR(LaunchKernel(direction, chunk, rows));
    return ToStatus(api, "cuEventRecord", api.EventRecord(scattered.get(), kernel_.get()));
  }
  if (chunk >= 2) {
    PEGA_RETURN_IF_ERROR(
        ToStatus(api, "cuStreamWaitEvent", api.StreamWaitEvent(kernel_.get(), copied.get(), 0)));
  }
  PEGA_RETURN_IF_ERROR(LaunchKernel(direction, chunk, rows));
  PEGA_RETURN_IF_ERROR(Order(scattered, kernel_, dma_));
  PEGA_RETURN_IF_ERROR(copy());
  return ToStatus(api, "cuEventRecord", api.EventRecord(copied.get(), dma_.get()));
}

Result<double> TimedCopies::Staged(Direction direction, std::uint32_t chunks, std::uint32_t rows) {
  PEGA_RETURN_IF_ERROR(Begin());
  for (std::uint32_t chunk = 0; chunk < chunks; ++chunk) {
    PEGA_RETURN_IF_ERROR(GiveChunk(direction, chunk, rows));
  }
  return End(direction == Direction::kToDevice ? kernel_ : dma_);
}

}  // namespace pega::cuda
