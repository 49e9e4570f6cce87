#include "cuda/device/argument_ring.h"

#include <cstring>
#include <limits>

namespace pega::cuda {
namespace {

constexpr std::uint64_t kAlignment = 256;
constexpr std::uint64_t kNowhere = std::numeric_limits<std::uint64_t>::max();

std::uint64_t RoundUp(std::uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

Result<ArgumentRing> ArgumentRing::Create(const ContextPtr& context, std::uint64_t bytes) {
  ArgumentRing ring;
  ring.context_ = context;
  ring.bytes_ = RoundUp(bytes);
  Result<HostMemory> host = AllocateHost(context, ring.bytes_);
  if (!host.ok()) return host.status();
  ring.host_ = std::move(host).value();
  Result<DeviceMemory> device = AllocateDevice(context, ring.bytes_);
  if (!device.ok()) return device.status();
  ring.device_ = std::move(device).value();
  return ring;
}

std::uint64_t ArgumentRing::BytesFor(std::size_t spans, std::size_t block_ids) {
  return RoundUp(spans * sizeof(RowSpan)) + RoundUp(block_ids * sizeof(std::uint32_t));
}

std::uint64_t ArgumentRing::Place(std::uint64_t bytes) const {
  if (bytes > bytes_) return kNowhere;
  if (in_use_.empty()) return 0;
  const std::uint64_t oldest = in_use_.front().begin;
  const std::uint64_t newest = in_use_.back().end;
  if (in_use_.back().begin < oldest) {  // wrapped: free is what lies between
    return oldest - newest >= bytes ? newest : kNowhere;
  }
  if (bytes_ - newest >= bytes) return newest;
  return oldest >= bytes ? 0 : kNowhere;
}

bool ArgumentRing::HasRoomFor(std::uint64_t bytes) const { return Place(bytes) != kNowhere; }

Result<ArgumentRing::Arguments> ArgumentRing::Put(std::span<const RowSpan> spans,
                                                  std::span<const std::uint32_t> block_ids,
                                                  CUstream stream) {
  const std::uint64_t bytes = BytesFor(spans.size(), block_ids.size());
  const std::uint64_t begin = Place(bytes);
  const std::uint64_t ids = begin + RoundUp(spans.size_bytes());
  auto* host = static_cast<std::byte*>(host_.get());
  std::memcpy(host + begin, spans.data(), spans.size_bytes());
  std::memcpy(host + ids, block_ids.data(), block_ids.size_bytes());
  in_use_.push_back({begin, begin + bytes});
  const DriverApi& api = context_->api();
  PEGA_RETURN_IF_ERROR(
      ToStatus(api, "cuMemcpyHtoDAsync",
               api.MemcpyHtoDAsync(device_.get() + begin, host + begin, bytes, stream)));
  return Arguments{.spans = device_.get() + begin, .block_ids = device_.get() + ids};
}

void ArgumentRing::GiveBackOldest() { in_use_.pop_front(); }

}  // namespace pega::cuda
