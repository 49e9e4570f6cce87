// CudaDevice: copies between a GPU's memory and registered slabs, in the process that computes.
//
// Three lanes: synchronous loads, asynchronous loads, stores. A lane has a stream for DMA and one for
// kernels. Synchronous loads are given to the driver on the calling thread, all before Start
// returns; the other lanes, and the look for what has ended, belong to one native thread that waits
// for no lock of an interpreter. A piece whose slab is not registered yet waits for it, but a
// synchronous one fails (kNotFound): it is granted only for slabs that slabs_ready() counts.
//
// A CUDA error that ends the context ends all jobs of this device with its text, and later ones at
// once (kDevice); others end their piece only, once nothing of it is in flight.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cuda/driver/handles.h"
#include "cuda/pins/pinned_slabs.h"
#include "cuda/plan/planner.h"
#include "shared/slab_set.h"
#include "transfer/device.h"

namespace pega::cuda {

struct CudaDeviceOptions {
  int ordinal = 0;               // among the GPUs that the driver shows this process
  std::uint64_t slab_bytes = 0;  // of the pool
  std::uint64_t staging_bytes = std::uint64_t{64} << 20;  // of HBM in all; halved while it fails
  std::uint32_t kernel_ctas = 16;
  PlanChoice plan = PlanChoice::kAuto;
  bool calibrate = true;  // false: the cost model's own values
  PinOptions pins;        // slab_bytes is taken from above
};

struct CudaDeviceStats {
  std::uint64_t driver_calls_total = 0;     // of all threads
  std::uint64_t submit_ns_total = 0;        // of callers, in Start of synchronous pieces
  std::uint64_t staged_bytes_total = 0, direct_bytes_total = 0;
  std::uint64_t staging_bytes = 0;          // of HBM taken
  std::uint64_t device_bytes = 0;           // all HBM taken
  PinProgress pins;
  std::string calibration;  // path of its file, or why there is none
};

class CudaDevice : public Device {
 public:
  // kInvalidArgument: an allocation of the layout is not memory of that GPU; kUnsupported: no driver
  // or GPU; kNoSpace: not even 4 MiB of staging. `api` null: DriverApi::Get().
  static Result<std::unique_ptr<CudaDevice>> Create(BlockLayout layout,
                                                    std::shared_ptr<SlabSet> slabs,
                                                    const CudaDeviceOptions& options,
                                                    const DriverApi* api = nullptr);
  virtual CudaDeviceStats stats() const = 0;
  virtual bool sync_loads_possible() const = 0;  // enough staging
  // See Planner::FitGroups.
  virtual std::vector<std::uint32_t> FitGroups(std::span<const BlockCopy> blocks,
                                               std::uint32_t layers_per_group,
                                               std::uint64_t calls_max) const = 0;
};

}  // namespace pega::cuda
