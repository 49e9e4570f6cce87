// What the parts of kernels_on_gpu share: one GPU with pega's kernels, copies that wait, a launch.
//
// A driver call that fails ends the program with its text: nothing after it would mean anything.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <span>
#include <utility>
#include <vector>

#include "cuda/driver/handles.h"

namespace pega::cuda::gpu {

inline void Must(const Status& status) {
  if (status.ok()) return;
  std::printf("{\"error\":\"%s\"}\n", status.message().c_str());
  std::exit(1);
}

template <typename T>
T Take(Result<T> result) {
  Must(result.ok() ? Status::Ok() : result.status());
  return std::move(result).value();
}

constexpr std::size_t kBounceBytes = std::size_t{16} << 20;

struct Gpu {
  const DriverApi& api;
  ContextPtr context;
  Stream stream;
  Module rows, product;
  HostMemory bounce;  // kBounceBytes: all copies go through it

  void Check(const char* call, CUresult result) const { Must(ToStatus(api, call, result)); }
  void Wait() const { Check("cuStreamSynchronize", api.StreamSynchronize(stream.get())); }

  DeviceMemory Allocate(std::uint64_t bytes) const { return Take(AllocateDevice(context, bytes)); }
  void ToDevice(CUdeviceptr to, const void* from, std::size_t bytes) const {
    for (std::size_t done = 0; done < bytes; done += kBounceBytes) {
      const std::size_t part = std::min(bytes - done, kBounceBytes);
      std::memcpy(bounce.get(), static_cast<const char*>(from) + done, part);
      Check("cuMemcpyHtoDAsync",
            api.MemcpyHtoDAsync(to + done, bounce.get(), part, stream.get()));
      Wait();
    }
  }
  void ToHost(void* to, CUdeviceptr from, std::size_t bytes) const {
    for (std::size_t done = 0; done < bytes; done += kBounceBytes) {
      const std::size_t part = std::min(bytes - done, kBounceBytes);
      Check("cuMemcpyDtoHAsync",
            api.MemcpyDtoHAsync(bounce.get(), from + done, part, stream.get()));
      Wait();
      std::memcpy(static_cast<char*>(to) + done, bounce.get(), part);
    }
  }
  template <typename T>
  DeviceMemory Place(const std::vector<T>& values) const {
    DeviceMemory memory = Allocate(values.size() * sizeof(T));
    ToDevice(memory.get(), values.data(), values.size() * sizeof(T));
    return memory;
  }

  CUfunction Find(const Module& module, const char* name) const {
    return Take(FindFunction(*context, module, name));
  }
  template <typename Arguments>
  void Launch(CUfunction function, unsigned columns, unsigned rows_of_grid, unsigned threads,
              Arguments arguments) const {
    void* parameters[] = {&arguments};
    Check("cuLaunchKernel", api.LaunchKernel(function, columns, rows_of_grid, 1, threads, 1, 1, 0,
                                             stream.get(), parameters, nullptr));
  }
};

constexpr unsigned kCopyThreads = 512;
constexpr unsigned kProductThreads = 256;

// Small, fast and the same everywhere: failures can be run again by their seed.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t Next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::uint64_t Below(std::uint64_t end) { return Next() % end; }
  std::uint64_t Within(std::uint64_t first, std::uint64_t last) {
    return first + Below(last - first + 1);
  }
  template <typename T>
  T OneOf(std::initializer_list<T> values) {
    return *(values.begin() + Below(values.size()));
  }

 private:
  std::uint64_t state_;
};

// Each prints JSON lines; false: something was wrong.
bool CheckCopyRows(const Gpu& gpu, std::uint64_t seed, int cases);
bool CheckFarRows(const Gpu& gpu);  // offsets past 4 GiB
bool CheckMatrixProduct(const Gpu& gpu);
void MeasureCopyRows(const Gpu& gpu);
void MeasureOneBlock(const Gpu& gpu);
void MeasureMatrixProduct(const Gpu& gpu);

}  // namespace pega::cuda::gpu
