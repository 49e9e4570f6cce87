// DeviceParts: what a CUDA device works with, taken from the driver in one go: staging memory and
// its chunks, kernels, the three lanes, and a planner that knows this GPU's costs.
//
// Used by cuda_device.cc alone, which guards the lanes and their staging.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "cuda/device/copy_kernels.h"
#include "cuda/device/cuda_device.h"
#include "cuda/device/lane.h"
#include "cuda/device/staging.h"
#include "cuda/device/stream_points.h"
#include "cuda/plan/planner.h"

namespace pega::cuda {

struct DeviceParts {
  // REQUIRES: the context is current; the layout outlives the parts. kInvalidArgument, kNoSpace,
  // kUnsupported, kDevice.
  static Result<std::unique_ptr<DeviceParts>> Open(const ContextPtr& context,
                                                   const std::shared_ptr<StreamPoints>& points,
                                                   const BlockLayout& layout,
                                                   const CudaDeviceOptions& options);

  std::uint64_t staging_bytes() const { return memory.bytes; }
  std::uint64_t device_bytes() const;

  std::optional<Planner> planner;
  std::string calibration;  // path of its file, or why there is none
  StagingMemory memory;
  Staging load_staging;   // of both load lanes
  Staging store_staging;
  std::optional<CopyKernels> kernels;
  std::array<std::optional<Lane>, 3> lanes;  // by JobKind
};

}  // namespace pega::cuda
