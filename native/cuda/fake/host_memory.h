// HostMemory: what is pinned, each registration and allocation by itself. Guarded by the driver's
// mutex.
#pragma once

#include <cstdint>
#include <map>

#include "cuda/fake/device_memory.h"

namespace pega::cuda::fake {

struct Pinned : Allocation {
  std::uint64_t context = 0;  // whose it is
  bool portable = false;      // usable in all contexts
  bool allocated = false;     // by cuMemHostAlloc; else registered
};

class HostMemory {
 public:
  ~HostMemory() { FreeAll(); }
  std::uint64_t Allocate(std::uint64_t bytes, std::uint64_t context, bool portable);
  void Register(std::uint64_t address, std::uint64_t bytes, std::uint64_t context, bool portable);
  void Remove(std::uint64_t address);  // unmaps what Allocate mapped
  void FreeAll();
  void FreeAllOf(std::uint64_t context);

  const Pinned* Find(std::uint64_t address) const;  // that holds the address
  bool Overlaps(std::uint64_t address, std::uint64_t bytes) const;
  const std::map<std::uint64_t, Pinned>& pinned() const { return pinned_; }

  // Whether all pages of a range are mapped in this process.
  static bool IsMapped(std::uint64_t address, std::uint64_t bytes);

 private:
  std::map<std::uint64_t, Pinned> pinned_;
};

}  // namespace pega::cuda::fake
