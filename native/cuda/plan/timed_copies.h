// TimedCopies: copies between pinned memory and a GPU that are made only to be timed.
//
// Times are the GPU's own, between two events, of work that it had before it began: behind a copy
// that keeps it busy while the rest is being given. Takes 64 MiB of pinned memory and 48 MiB of the
// GPU's, and gives both back. Used by a calibration alone; one thread; REQUIRES that the context is
// current on it.
#pragma once

#include <array>
#include <cstdint>

#include "base/status.h"
#include "cuda/driver/handles.h"
#include "cuda/plan/cost_model.h"

namespace pega::cuda {

class TimedCopies {
 public:
  static constexpr std::uint64_t kCopyBytes = std::uint64_t{16} << 20;  // of long and pitched ones
  static constexpr std::uint64_t kChunkBytes = std::uint64_t{8} << 20;  // of staged ones
  static constexpr std::uint64_t kRowBytes = std::uint64_t{256} << 10;  // of staged ones
  static constexpr std::uint32_t kManyCopies = 64;

  static Result<TimedCopies> Create(const ContextPtr& context);
  TimedCopies(TimedCopies&&) = default;
  ~TimedCopies();  // waits for what was given

  // Seconds, all. One long copy; rows at a pitch; many copies, and what giving them took.
  Result<double> Long(Direction direction, std::uint64_t bytes);
  Result<double> Pitched(Direction direction, std::uint64_t row_bytes);
  struct Many {
    double gpu_seconds = 0;
    double cpu_seconds = 0;
  };
  Result<Many> ManyCopies(Direction direction);
  // `chunks` chunks of `rows` rows each, through two staging buffers.
  Result<double> Staged(Direction direction, std::uint32_t chunks, std::uint32_t rows);

 private:
  TimedCopies() = default;
  Status Prepare();
  Status GiveCopy(Direction direction, std::uint64_t host_offset, CUdeviceptr device,
                  std::uint64_t bytes);
  Status GivePitched(Direction direction, std::uint64_t host_offset, std::uint64_t host_pitch,
                     CUdeviceptr device, std::uint64_t row_bytes, std::uint64_t rows);
  Status GiveChunk(Direction direction, std::uint32_t chunk, std::uint32_t rows);
  Status LaunchKernel(Direction direction, std::uint32_t chunk, std::uint32_t rows);
  Status Order(const Event& event, const Stream& before, const Stream& behind);
  Status Begin();
  Result<double> End(const Stream& stream);

  CUdeviceptr StagingBuffer(std::uint32_t chunk) const;

  ContextPtr context_;
  HostMemory host_;
  DeviceMemory device_;
  Module module_;
  std::array<CUfunction, 2> kernels_ = {};  // by direction
  Event start_, end_;
  std::array<Event, 2> copied_, scattered_;  // of each staging buffer
  Stream dma_, kernel_;
};

}  // namespace pega::cuda
