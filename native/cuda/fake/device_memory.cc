#include "cuda/fake/device_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>

namespace pega::cuda::fake {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kGap = std::uint64_t{64} << 10;
constexpr int kFresh = 0xA5;  // new memory is not zero
constexpr std::uint64_t kFreshBytesMax = std::uint64_t{4} << 20;

std::uint64_t Pages(std::uint64_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

std::uint64_t Reserve(std::uint64_t bytes) {
  void* const at =
      mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) {
    std::perror("fake CUDA driver: mmap of device memory");
    std::abort();
  }
  (void)madvise(at, bytes, MADV_DONTDUMP);
  return reinterpret_cast<std::uint64_t>(at);
}

}  // namespace

DeviceMemory::DeviceMemory(std::uint64_t bytes)
    : total_(bytes),
      span_(2 * bytes),
      base_(Reserve(span_)),
      distance_(Reserve(span_) - base_),
      next_(base_) {}

DeviceMemory::~DeviceMemory() {
  munmap(reinterpret_cast<void*>(base_), span_);
  munmap(reinterpret_cast<void*>(base_ + distance_), span_);
}

// The first address from `from` on with room for `bytes` and a gap, or 0.
std::uint64_t DeviceMemory::FindGap(std::uint64_t from, std::uint64_t bytes) const {
  auto above = allocations_.lower_bound(from);
  if (above != allocations_.begin()) {
    const Allocation& below = std::prev(above)->second;
    from = std::max(from, below.address + Pages(below.bytes) + kGap);
  }
  for (; above != allocations_.end(); ++above) {
    if (above->first >= from + bytes + kGap) return from;
    from = above->first + Pages(above->second.bytes) + kGap;
  }
  return from + bytes + kGap <= base_ + span_ ? from : 0;
}

CUdeviceptr DeviceMemory::Allocate(std::uint64_t bytes) {
  if (bytes > total_ || Pages(bytes) > total_ - used_) return 0;
  std::uint64_t address = FindGap(next_, Pages(bytes));
  if (address == 0) address = FindGap(base_, Pages(bytes));
  if (address == 0) return 0;
  if (mprotect(Real(address), Pages(bytes), PROT_READ | PROT_WRITE) != 0) return 0;
  std::memset(Real(address), kFresh, std::min(bytes, kFreshBytesMax));
  allocations_[address] = {address, bytes};
  used_ += Pages(bytes);
  next_ = address + Pages(bytes) + kGap;
  return address;
}

bool DeviceMemory::Free(CUdeviceptr address) {
  const auto found = allocations_.find(address);
  if (found == allocations_.end()) return false;
  const std::uint64_t bytes = Pages(found->second.bytes);
  (void)madvise(Real(address), bytes, MADV_DONTNEED);
  (void)mprotect(Real(address), bytes, PROT_NONE);
  used_ -= bytes;
  allocations_.erase(found);
  return true;
}

void DeviceMemory::FreeAll() {
  while (!allocations_.empty()) Free(allocations_.begin()->first);
}

const Allocation* DeviceMemory::Find(CUdeviceptr address) const {
  auto above = allocations_.upper_bound(address);
  if (above == allocations_.begin()) return nullptr;
  const Allocation& allocation = std::prev(above)->second;
  return address - allocation.address < allocation.bytes ? &allocation : nullptr;
}

}  // namespace pega::cuda::fake
