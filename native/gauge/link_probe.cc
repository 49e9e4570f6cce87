#include "gauge/link_probe.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace pega::gauge {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::uint64_t kPieceBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kOneCopyBytesMax = std::uint64_t{256} << 20;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

Result<std::unique_ptr<LinkProbe>> LinkProbe::Make(cuda::ContextPtr context,
                                                   const LinkOptions& options,
                                                   const std::atomic<bool>& cancelled) {
  std::unique_ptr<LinkProbe> probe(new LinkProbe(std::move(context), options));
  PEGA_RETURN_IF_ERROR(probe->Prepare(cancelled));
  return probe;
}

Status LinkProbe::Prepare(const std::atomic<bool>& cancelled) {
  const cuda::ScopedContext current(*context_);
  PEGA_RETURN_IF_ERROR(current.status());
  // Two pieces at least: each direction has its own when both run.
  piece_bytes_ = std::min(kPieceBytes, options_.bytes / 2);
  pieces_ = static_cast<std::uint32_t>(options_.bytes / piece_bytes_);
  const std::uint64_t bytes = pieces_ * piece_bytes_;
  Result<std::unique_ptr<OwnSlabs>> slabs =
      OwnSlabs::Open(options_.slabs, bytes);
  if (!slabs.ok()) return slabs.status();
  slabs_ = std::move(slabs).value();
  PEGA_RETURN_IF_ERROR(slabs_->Grow(1, cancelled));
  for (std::uint32_t piece = 0; piece < pieces_; ++piece) {
    Result<cuda::RegisteredMemory> registered =
        cuda::RegisterHost(context_, slabs_->address(0) + piece * piece_bytes_, piece_bytes_);
    if (!registered.ok()) return registered.status();
    registered_.push_back(std::move(registered).value());
  }
  Result<cuda::DeviceMemory> device = cuda::AllocateDevice(context_, bytes);
  if (!device.ok()) return device.status();
  device_ = std::move(device).value();
  for (cuda::Stream& stream : streams_) {
    Result<cuda::Stream> made = cuda::MakeStream(context_, false);
    if (!made.ok()) return made.status();
    stream = std::move(made).value();
  }
  return Status::Ok();
}

Status LinkProbe::Enqueue(CopyDirection direction, void* host, std::uint64_t offset_bytes,
                          std::uint64_t bytes) {
  const cuda::DriverApi& api = context_->api();
  const cuda::CUstream stream = streams_[static_cast<std::size_t>(direction)].get();
  const cuda::CUdeviceptr device = device_.get() + offset_bytes;
  if (direction == CopyDirection::kLoad) {
    return ToStatus(api, "cuMemcpyHtoDAsync", api.MemcpyHtoDAsync(device, host, bytes, stream));
  }
  return ToStatus(api, "cuMemcpyDtoHAsync", api.MemcpyDtoHAsync(host, device, bytes, stream));
}

Status LinkProbe::EnqueuePart(CopyDirection direction, Part part) {
  for (std::uint32_t piece = part.first_piece; piece < part.first_piece + part.pieces; ++piece) {
    const std::uint64_t offset = piece * piece_bytes_;
    PEGA_RETURN_IF_ERROR(
        Enqueue(direction, slabs_->address(0) + offset, offset, piece_bytes_));
  }
  return Status::Ok();
}

Status LinkProbe::Synchronize(CopyDirection direction) {
  const cuda::CUstream stream = streams_[static_cast<std::size_t>(direction)].get();
  return ToStatus(context_->api(), "cuStreamSynchronize",
                  context_->api().StreamSynchronize(stream));
}

Result<double> LinkProbe::Measure(CopyDirection direction) {
  const cuda::ScopedContext current(*context_);
  PEGA_RETURN_IF_ERROR(current.status());
  const Clock::time_point start = Clock::now();
  for (std::uint32_t pass = 0; pass < options_.passes; ++pass) {
    PEGA_RETURN_IF_ERROR(EnqueuePart(direction, {0, pieces_}));
  }
  PEGA_RETURN_IF_ERROR(Synchronize(direction));
  return static_cast<double>(options_.passes * pieces_ * piece_bytes_) / SecondsSince(start);
}

Result<double> LinkProbe::MeasureBoth() {
  const cuda::ScopedContext current(*context_);
  PEGA_RETURN_IF_ERROR(current.status());
  const std::uint32_t half = pieces_ / 2;
  const std::uint32_t passes = 2 * options_.passes;  // as many bytes a direction as Measure moves
  const Clock::time_point start = Clock::now();
  for (std::uint32_t pass = 0; pass < passes; ++pass) {
    PEGA_RETURN_IF_ERROR(EnqueuePart(CopyDirection::kLoad, {0, half}));
    PEGA_RETURN_IF_ERROR(EnqueuePart(CopyDirection::kStore, {half, half}));
  }
  PEGA_RETURN_IF_ERROR(Synchronize(CopyDirection::kLoad));
  PEGA_RETURN_IF_ERROR(Synchronize(CopyDirection::kStore));
  return static_cast<double>(2 * passes * half * piece_bytes_) / SecondsSince(start);
}

Result<double> LinkProbe::MeasureOneCopy(CopyDirection direction) {
  const cuda::ScopedContext current(*context_);
  PEGA_RETURN_IF_ERROR(current.status());
  const std::uint64_t bytes = std::min(kOneCopyBytesMax, pieces_ * piece_bytes_);
  if (!host_) {
    Result<cuda::HostMemory> host = cuda::AllocateHost(context_, bytes);
    if (!host.ok()) return host.status();
    host_ = std::move(host).value();
  }
  const Clock::time_point start = Clock::now();
  PEGA_RETURN_IF_ERROR(Enqueue(direction, host_.get(), 0, bytes));
  PEGA_RETURN_IF_ERROR(Synchronize(direction));
  return static_cast<double>(bytes) / SecondsSince(start);
}

}  // namespace pega::gauge
