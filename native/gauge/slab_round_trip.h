// SlabRoundTrip: what a worker's process does with a GPU, for `pega doctor`: a context of its own,
// CUDA memory in a model's layout, slabs registered, blocks loaded from slots and stored to others.
//
// Who reads the target slots afterwards knows whether the bytes went the whole way: they come from
// the source slots through the GPU's memory. Device blocks are shuffled, so that pieces are staged
// or not as they would be for an engine.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/slot_address.h"
#include "base/status.h"
#include "cuda/device/cuda_device.h"
#include "shared/slab_set.h"

namespace pega::gauge {

struct SlabRoundTripOptions {
  int ordinal = 0;               // of the GPU
  std::uint64_t slab_bytes = 0;  // of the pool
  std::uint32_t layers = 0;
  std::uint64_t layer_bytes = 0;      // of one block; a slot holds layers × layer_bytes
  std::vector<SlotAddress> sources;   // loaded
  std::vector<SlotAddress> targets;   // stored to: as many
  double seconds = 0.5;               // at least so long in each direction
};

struct SlabRoundTrip {
  double context_s = 0;   // to open the context
  double device_s = 0;    // to set up the device: memory, streams, kernels
  double register_s = 0;  // until all slabs were registered
  std::uint64_t bytes = 0;  // of one load, and of one store
  double load_bytes_per_s = 0, store_bytes_per_s = 0;  // submit to end, mean over the rounds
  std::uint32_t load_rounds = 0, store_rounds = 0;
  cuda::CudaDeviceStats device;
};

// kUnsupported: no driver or GPU; kNoSpace: not enough of the GPU's memory is free; kTimeout: a
// copy or the registering took over a minute; kDevice; kInvalidArgument.
Result<SlabRoundTrip> MeasureSlabRoundTrip(std::shared_ptr<SlabSet> slabs,
                                           const SlabRoundTripOptions& options,
                                           const cuda::DriverApi* api = nullptr);

}  // namespace pega::gauge
