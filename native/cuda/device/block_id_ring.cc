#include "cuda/device/block_id_ring.h"

#include <cstring>
#include <limits>

namespace pega::cuda {
namespace {

constexpr std::uint64_t kAlignment = 128;  // what a warp reads at once
constexpr std::uint64_t kNowhere = std::numeric_limits<std::uint64_t>::max();

std::uint64_t BytesFor(std::uint64_t id_count) {
  return (id_count * sizeof(std::uint32_t) + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

Result<BlockIdRing> BlockIdRing::Create(const ContextPtr& context, std::uint64_t bytes) {
  BlockIdRing ring;
  ring.bytes_ = bytes / kAlignment * kAlignment;
  Result<HostMemory> memory = AllocateHost(context, ring.bytes_);
  if (!memory.ok()) return memory.status();
  ring.memory_ = std::move(memory).value();
  return ring;
}

std::uint64_t BlockIdRing::Place(std::uint64_t bytes) const {
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

bool BlockIdRing::HasRoomFor(std::uint64_t id_count) const {
  return Place(BytesFor(id_count)) != kNowhere;
}

CUdeviceptr BlockIdRing::Put(std::span<const std::uint32_t> ids) {
  const std::uint64_t begin = Place(BytesFor(ids.size()));
  auto* to = static_cast<std::byte*>(memory_.get()) + begin;
  std::memcpy(to, ids.data(), ids.size_bytes());
  in_use_.push_back({begin, begin + BytesFor(ids.size())});
  return reinterpret_cast<CUdeviceptr>(to);
}

void BlockIdRing::GiveBackOldest() { in_use_.pop_front(); }

}  // namespace pega::cuda
