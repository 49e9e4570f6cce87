#include "gauge/copy_bed.h"

#include <chrono>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/limits.h"

namespace pega::gauge {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kPinTimeMax{60};
constexpr std::chrono::milliseconds kPinLookEvery{1};

Status CheckShape(const BedShape& shape, std::uint64_t slab_bytes) {
  const auto wrong = [](const std::string& what) { return Status(Code::kInvalidArgument, what); };
  if (shape.layers == 0 || shape.layers > kLayersMax) {
    return wrong(std::to_string(shape.layers) + " layers; required are 1 to " +
                 std::to_string(kLayersMax));
  }
  if (shape.slots == 0 || shape.slots > kBlocksPerJobMax) {
    return wrong(std::to_string(shape.slots) + " slots; required are 1 to " +
                 std::to_string(kBlocksPerJobMax));
  }
  if (shape.segment_bytes == 0 || shape.segment_bytes % sizeof(std::uint64_t) != 0 ||
      shape.segment_bytes > DeviceBlocks::kSegmentBytesMax) {
    return wrong("segments of " + std::to_string(shape.segment_bytes) +
                 " bytes; required is a multiple of 8 up to " +
                 std::to_string(DeviceBlocks::kSegmentBytesMax));
  }
  if (shape.slot_bytes() > slab_bytes) {
    return wrong("a slot of " + std::to_string(shape.slot_bytes()) +
                 " bytes does not fit into a slab of " + std::to_string(slab_bytes));
  }
  return Status::Ok();
}

std::uint64_t SeedOf(std::uint64_t seed, CopyDirection direction) {
  return 2 * seed + static_cast<std::uint64_t>(direction);
}

std::uint64_t OwnKey(std::uint32_t index) { return index; }

}  // namespace

Result<std::unique_ptr<CopyBed>> CopyBed::Make(const cuda::ContextPtr& context, OwnSlabs& slabs,
                                               const BedOptions& options,
                                               const std::atomic<bool>& cancelled) {
  const BedShape& shape = options.shape;
  PEGA_RETURN_IF_ERROR(CheckShape(shape, slabs.slab_bytes()));
  const std::uint32_t slab_count =
      HostSlots::SlabsFor(2 * shape.slots, shape.slot_bytes(), slabs.slab_bytes());
  PEGA_RETURN_IF_ERROR(slabs.Grow(slab_count, cancelled));
  const HostSlots slots(slabs, shape.segment_bytes, shape.layers, options.threads);
  std::unique_ptr<CopyBed> bed(new CopyBed(options, slots));
  Result<std::unique_ptr<DeviceBlocks>> blocks = DeviceBlocks::Allocate(
      context, shape.segment_bytes, shape.layers, 2 * shape.slots, options.threads);
  if (!blocks.ok()) return blocks.status();
  bed->blocks_ = std::move(blocks).value();
  bed->slots_.Write(bed->Half(CopyDirection::kLoad), SeedOf(options.seed, CopyDirection::kLoad),
                    OwnKey);
  PEGA_RETURN_IF_ERROR(bed->blocks_->Write(bed->Half(CopyDirection::kStore),
                                           SeedOf(options.seed, CopyDirection::kStore), OwnKey));
  Result<BlockLayout> layout = bed->blocks_->Layout();
  if (!layout.ok()) return layout.status();
  cuda::CudaDeviceOptions device_options;
  device_options.ordinal = context->ordinal();
  device_options.slab_bytes = slabs.slab_bytes();
  device_options.plan = shape.plan;
  device_options.calibrate = options.calibrate;
  Result<std::unique_ptr<cuda::CudaDevice>> device =
      cuda::CudaDevice::Create(std::move(layout).value(), slabs.First(slab_count), device_options,
                               &context->api());
  if (!device.ok()) return device.status();
  bed->device_ = device.value().get();
  bed->engine_ = TransferEngine::Create(std::move(device).value());
  PEGA_RETURN_IF_ERROR(bed->WaitUntilPinned(slab_count, cancelled));
  return bed;
}

Status CopyBed::WaitUntilPinned(std::uint32_t slabs, const std::atomic<bool>& cancelled) {
  const Clock::time_point start = Clock::now();
  while (device_->slabs_ready() < slabs) {
    const cuda::PinProgress pins = device_->stats().pins;
    if (!pins.error.ok()) return pins.error;
    if (cancelled.load()) return Status(Code::kCancelled, "registering slabs was given up");
    if (Clock::now() - start > kPinTimeMax) {
      return Status(Code::kTimeout, std::to_string(pins.slabs_ready) + " of " +
                                        std::to_string(slabs) + " slabs are registered after " +
                                        std::to_string(kPinTimeMax.count()) + " s");
    }
    std::this_thread::sleep_for(kPinLookEvery);
  }
  const cuda::CudaDeviceStats stats = device_->stats();
  facts_ = {.pin_seconds = std::chrono::duration<double>(Clock::now() - start).count(),
            .pinned_bytes = stats.pins.registered_bytes,
            .staging_bytes = stats.staging_bytes,
            .device_bytes = stats.device_bytes,
            .calibration = stats.calibration};
  return Status::Ok();
}

std::vector<BlockCopy> CopyBed::Blocks(CopyDirection direction, Order device, Order host) const {
  const BlockRange half = Half(direction);
  const std::vector<std::uint32_t> blocks = MakeOrder(device, half.count, options_.seed + 1);
  const std::vector<std::uint32_t> slots = MakeOrder(host, half.count, options_.seed + 2);
  std::vector<BlockCopy> copies(half.count);
  for (std::uint32_t i = 0; i < half.count; ++i) {
    copies[i] = {half.first + blocks[i], slots_.Slot(half.first + slots[i])};
  }
  return copies;
}

Status CopyBed::Clear(CopyDirection direction) {
  if (direction == CopyDirection::kLoad) return blocks_->Clear(Half(direction));
  slots_.Clear(Half(direction));
  return Status::Ok();
}

// What a load brings carries the key of its slot, what a store brings that of its block.
Result<WrongBytes> CopyBed::Check(CopyDirection direction,
                                  const std::vector<BlockCopy>& blocks) const {
  const BlockRange half = Half(direction);
  const std::uint64_t seed = SeedOf(options_.seed, direction);
  std::unordered_map<std::uint64_t, std::uint32_t> slot_index;
  for (std::uint32_t i = half.first; i < half.first + half.count; ++i) {
    const SlotAddress slot = slots_.Slot(i);
    slot_index[std::uint64_t{slot.slab_ordinal} << 32 | slot.page] = i;
  }
  std::vector<std::uint64_t> keys(half.count);
  for (const BlockCopy& copy : blocks) {
    const std::uint32_t slot =
        slot_index[std::uint64_t{copy.slot.slab_ordinal} << 32 | copy.slot.page];
    if (direction == CopyDirection::kLoad) {
      keys[copy.device_block - half.first] = slot;
    } else {
      keys[slot - half.first] = copy.device_block;
    }
  }
  const KeyOf key_of = [&](std::uint32_t index) { return keys[index - half.first]; };
  if (direction == CopyDirection::kStore) return slots_.Check(half, seed, key_of);
  return blocks_->Check(half, seed, key_of);
}

}  // namespace pega::gauge
