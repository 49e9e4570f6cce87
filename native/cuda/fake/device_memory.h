// DeviceMemory: one GPU's memory. Its addresses are reserved and never readable, so that host code
// which takes one for a host pointer faults; the bytes lie at a fixed distance (Real).
//
// Addresses of freed memory are not given out again until the range has been gone through, and
// there is a gap behind each allocation. Guarded by the driver's mutex.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "cuda/driver/cuda_types.h"

namespace pega::cuda::fake {

struct Allocation {
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;
};

class DeviceMemory {
 public:
  explicit DeviceMemory(std::uint64_t bytes);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  CUdeviceptr Allocate(std::uint64_t bytes);  // 0: not enough
  bool Free(CUdeviceptr address);             // false: no allocation begins there
  void FreeAll();
  // The live allocation that holds the address, or null.
  const Allocation* Find(CUdeviceptr address) const;
  bool Covers(CUdeviceptr address) const { return address - base_ < span_; }
  std::byte* Real(CUdeviceptr address) const {
    return reinterpret_cast<std::byte*>(address + distance_);
  }
  std::uint64_t total_bytes() const { return total_; }
  std::uint64_t used_bytes() const { return used_; }
  const std::map<std::uint64_t, Allocation>& allocations() const { return allocations_; }

 private:
  std::uint64_t FindGap(std::uint64_t from, std::uint64_t bytes) const;

  const std::uint64_t total_;
  const std::uint64_t span_;  // of addresses: more than there is memory
  std::uint64_t base_ = 0;
  std::uint64_t distance_ = 0;
  std::uint64_t next_ = 0;
  std::uint64_t used_ = 0;
  std::map<std::uint64_t, Allocation> allocations_;
};

}  // namespace pega::cuda::fake
