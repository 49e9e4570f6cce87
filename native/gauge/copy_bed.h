// CopyBed: all that a measured copy runs on: a KV cache on the GPU, slots in registered slab files,
// and between them the transfer engine with the CUDA device, as in a worker.
//
// The first half of blocks and slots is for loads, the other for stores, so that both can run at
// once. Slots of loads and blocks of stores hold a pattern from the start; what a direction writes to
// is cleared before and checked after a job, in no timed part.
//
// Thread safety: one thread at a time; engine and device: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"
#include "cuda/device/cuda_device.h"
#include "gauge/block_order.h"
#include "gauge/device_blocks.h"
#include "gauge/host_slots.h"
#include "gauge/own_slabs.h"
#include "transfer/transfer_engine.h"

namespace pega::gauge {

enum class CopyDirection : std::uint8_t { kLoad = 0, kStore = 1 };

struct BedShape {
  std::uint64_t segment_bytes = 0;  // of one block in one layer
  std::uint32_t layers = 0;
  std::uint32_t slots = 0;  // of a job
  cuda::PlanChoice plan = cuda::PlanChoice::kAuto;

  std::uint64_t slot_bytes() const { return segment_bytes * layers; }
  friend bool operator==(const BedShape&, const BedShape&) = default;
};

struct BedOptions {
  BedShape shape;
  std::uint64_t seed = 0;
  std::uint32_t threads = 0;  // 0: one for each core
  bool calibrate = true;
};

struct BedFacts {
  double pin_seconds = 0;     // until all slabs were registered
  std::uint64_t pinned_bytes = 0;
  std::uint64_t staging_bytes = 0, device_bytes = 0;  // of HBM that the device took
  std::string calibration;
};

class CopyBed {
 public:
  // kInvalidArgument: a shape that no slab can hold; kNoSpace, kDevice, kCancelled.
  static Result<std::unique_ptr<CopyBed>> Make(const cuda::ContextPtr& context, OwnSlabs& slabs,
                                               const BedOptions& options,
                                               const std::atomic<bool>& cancelled);

  const BedShape& shape() const { return options_.shape; }
  const BedFacts& facts() const { return facts_; }
  TransferEngine& engine() { return *engine_; }
  const cuda::CudaDevice& device() const { return *device_; }

  // A job's blocks and slots, each in its order.
  std::vector<BlockCopy> Blocks(CopyDirection direction, Order device, Order host) const;
  // What the direction writes to.
  Status Clear(CopyDirection direction);
  // After a job of these blocks, which are all of the direction's half.
  Result<WrongBytes> Check(CopyDirection direction, const std::vector<BlockCopy>& blocks) const;

 private:
  CopyBed(const BedOptions& options, HostSlots slots) : options_(options), slots_(slots) {}
  BlockRange Half(CopyDirection direction) const {
    const std::uint32_t count = options_.shape.slots;
    return {direction == CopyDirection::kLoad ? 0 : count, count};
  }
  Status WaitUntilPinned(std::uint32_t slabs, const std::atomic<bool>& cancelled);

  const BedOptions options_;
  mutable HostSlots slots_;
  std::unique_ptr<DeviceBlocks> blocks_;
  std::unique_ptr<TransferEngine> engine_;
  cuda::CudaDevice* device_ = nullptr;  // the engine's
  BedFacts facts_;
};

}  // namespace pega::gauge
