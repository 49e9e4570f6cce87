#include "cuda/fake/host_memory.h"

#include <sys/mman.h>

#include <iterator>

namespace pega::cuda::fake {
namespace {

constexpr std::uint64_t kPage = 4096;

std::uint64_t Pages(std::uint64_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

}  // namespace

std::uint64_t HostMemory::Allocate(std::uint64_t bytes, std::uint64_t context, bool portable) {
  void* const at =
      mmap(nullptr, Pages(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return 0;
  const std::uint64_t address = reinterpret_cast<std::uint64_t>(at);
  pinned_[address] = {{address, bytes}, context, portable, true};
  return address;
}

void HostMemory::Register(std::uint64_t address, std::uint64_t bytes, std::uint64_t context,
                          bool portable) {
  pinned_[address] = {{address, bytes}, context, portable, false};
}

void HostMemory::Remove(std::uint64_t address) {
  const auto found = pinned_.find(address);
  if (found == pinned_.end()) return;
  if (found->second.allocated) {
    munmap(reinterpret_cast<void*>(address), Pages(found->second.bytes));
  }
  pinned_.erase(found);
}

void HostMemory::FreeAll() {
  while (!pinned_.empty()) Remove(pinned_.begin()->first);
}

void HostMemory::FreeAllOf(std::uint64_t context) {
  for (auto at = pinned_.begin(); at != pinned_.end();) {
    const auto next = std::next(at);
    if (at->second.context == context) Remove(at->first);
    at = next;
  }
}

const Pinned* HostMemory::Find(std::uint64_t address) const {
  auto above = pinned_.upper_bound(address);
  if (above == pinned_.begin()) return nullptr;
  const Pinned& pinned = std::prev(above)->second;
  return address - pinned.address < pinned.bytes ? &pinned : nullptr;
}

bool HostMemory::Overlaps(std::uint64_t address, std::uint64_t bytes) const {
  const auto above = pinned_.lower_bound(address);
  if (above != pinned_.end() && above->first < address + bytes) return true;
  return Find(address) != nullptr;
}

// mincore names an unmapped page, whatever else it says.
bool HostMemory::IsMapped(std::uint64_t address, std::uint64_t bytes) {
  constexpr std::uint64_t kStep = std::uint64_t{16} << 20;
  unsigned char residence[kStep / kPage];
  const std::uint64_t end = Pages(address + bytes);
  for (std::uint64_t at = address / kPage * kPage; at < end; at += kStep) {
    const std::uint64_t step = end - at < kStep ? end - at : kStep;
    if (mincore(reinterpret_cast<void*>(at), step, residence) != 0) return false;
  }
  return true;
}

}  // namespace pega::cuda::fake
