// The part of pega.h that makes a transfer, describes it and ends it: a TransferEngine over the
// host or the CUDA device. Pointers and sizes are checked here, plans by the engine; its jobs:
// jobs.cc.
#include <memory>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "c/codes.h"
#include "c/handles.h"
#include "c/pega.h"
#include "c/versioned_struct.h"
#include "transfer/host_device.h"

namespace pega {
namespace {

// The structs in ABI version 1: what the oldest caller has, and ours.
constexpr std::uint32_t kOptionsBytesFirst = 48;
constexpr std::uint32_t kStatsBytesFirst = 64;
static_assert(sizeof(pega_transfer_options) == 72);
static_assert(sizeof(pega_transfer_stats) == 136);

Status Invalid(std::string message) { return Status(Code::kInvalidArgument, std::move(message)); }

Result<BlockLayout> Layout(const pega_transfer_options& options) {
  constexpr std::uint64_t kSegmentsMax = std::uint64_t{kLayersMax} * kSegmentsPerLayerMax;
  if (options.segment_count > kSegmentsMax || options.allocation_count > kSegmentsMax) {
    return Invalid("options: more than " + std::to_string(kSegmentsMax) +
                   " segments or allocations");
  }
  if ((options.segments == nullptr && options.segment_count > 0) ||
      (options.allocations == nullptr && options.allocation_count > 0)) {
    return Invalid("options.segments or options.allocations is NULL");
  }
  std::vector<Allocation> allocations;
  for (const pega_allocation& a : std::span(options.allocations, options.allocation_count)) {
    allocations.push_back({.address = a.address, .bytes = a.bytes});
  }
  std::vector<LayerSegment> segments;
  for (const pega_segment& s : std::span(options.segments, options.segment_count)) {
    segments.push_back({.layer = s.layer,
                        .allocation = s.allocation,
                        .offset_bytes = s.offset_bytes,
                        .block_stride_bytes = s.block_stride_bytes,
                        .bytes = s.bytes});
  }
  return BlockLayout::Create(std::move(allocations), std::move(segments), options.block_count);
}

Result<std::unique_ptr<cuda::CudaDevice>> MakeCudaDevice(const pega_transfer_options& options,
                                                         BlockLayout layout,
                                                         std::shared_ptr<SlabSet> slabs,
                                                         std::uint64_t slab_bytes) {
  cuda::CudaDeviceOptions wanted;
  wanted.ordinal = options.device_ordinal;
  wanted.slab_bytes = slab_bytes;
  if (options.staging_bytes > 0) wanted.staging_bytes = options.staging_bytes;
  if (options.kernel_ctas > 0) wanted.kernel_ctas = options.kernel_ctas;
  wanted.calibrate = options.uncalibrated == 0;
  return cuda::CudaDevice::Create(std::move(layout), std::move(slabs), wanted);
}

Result<std::unique_ptr<pega_transfer>> Make(const pega_memory& memory,
                                            const pega_transfer_options& options) {
  Result<BlockLayout> layout = Layout(options);
  if (!layout.ok()) return layout.status();
  Result<std::shared_ptr<SlabSet>> slabs = memory.engine->slabs();
  if (!slabs.ok()) return slabs.status();
  auto transfer = std::make_unique<pega_transfer>();
  std::unique_ptr<Device> device;
  switch (options.device) {
    case PEGA_ON_HOST:
      device =
          MakeHostDevice(std::move(layout).value(), std::move(slabs).value(), options.thread_count);
      break;
    case PEGA_ON_CUDA: {
      auto made = MakeCudaDevice(options, std::move(layout).value(), std::move(slabs).value(),
                                 memory.slab_bytes);
      if (!made.ok()) return made.status();
      transfer->cuda = made.value().get();
      device = std::move(made).value();
      break;
    }
    default: return Invalid("options.device is " + std::to_string(options.device));
  }
  transfer->device = device.get();
  transfer->engine = TransferEngine::Create(std::move(device));
  return transfer;
}

// The message of what left a slab out is noted for pega_last_message.
void AddCudaFigures(const cuda::CudaDevice& device, pega_transfer_stats& stats) {
  const cuda::CudaDeviceStats now = device.stats();
  stats.driver_calls_total = now.driver_calls_total;
  stats.submit_ns_total = now.submit_ns_total;
  stats.staged_bytes_total = now.staged_bytes_total;
  stats.direct_bytes_total = now.direct_bytes_total;
  stats.staging_bytes = now.staging_bytes;
  stats.device_bytes = now.device_bytes;
  stats.registered_bytes = now.pins.registered_bytes;
  stats.registering_ns_total = now.pins.registering_ns;
  stats.slabs_registered = now.pins.slabs_ready;
  stats.slab_code = static_cast<int32_t>(now.pins.error.code());
  if (!now.pins.error.ok()) Note(now.pins.error);
}

}  // namespace
}  // namespace pega

using pega::Status;
using pega::Tell;

extern "C" {

int pega_transfer_create(pega_memory* memory, const pega_transfer_options* options,
                         pega_transfer** transfer) {
  if (memory == nullptr || transfer == nullptr) return pega::Refuse("memory or transfer is NULL");
  const auto read = pega::ReadVersioned(options, pega::kOptionsBytesFirst, "options");
  if (!read.ok()) return Tell(read.status());
  pega::Result<std::unique_ptr<pega_transfer>> made = pega::Make(*memory, read.value());
  if (!made.ok()) return Tell(made.status());
  made.value()->memory = memory;
  ++memory->transfers;
  *transfer = std::move(made).value().release();
  return PEGA_OK;
}

int pega_transfer_shape(const pega_transfer* transfer, uint64_t* slot_bytes,
                        uint32_t* layer_count) {
  if (transfer == nullptr) return pega::Refuse(pega::kNullTransfer);
  if (slot_bytes != nullptr) *slot_bytes = transfer->device->layout().slot_bytes();
  if (layer_count != nullptr) *layer_count = transfer->device->layout().layer_count();
  return PEGA_OK;
}

int pega_transfer_slabs_ready(const pega_transfer* transfer, uint32_t* slabs_ready) {
  if (transfer == nullptr || slabs_ready == nullptr) {
    return pega::Refuse("transfer or slabs_ready is NULL");
  }
  *slabs_ready = transfer->device->slabs_ready();
  return PEGA_OK;
}

int pega_transfer_sync_possible(const pega_transfer* transfer, int* possible) {
  if (transfer == nullptr || possible == nullptr) {
    return pega::Refuse("transfer or possible is NULL");
  }
  *possible = transfer->cuda == nullptr || transfer->cuda->sync_loads_possible() ? 1 : 0;
  return PEGA_OK;
}

int pega_transfer_get_stats(const pega_transfer* transfer, pega_transfer_stats* stats) {
  if (transfer == nullptr) return pega::Refuse(pega::kNullTransfer);
  const pega::TransferStats now = transfer->engine->stats();
  pega_transfer_stats values{};
  values.jobs_now = now.jobs_now;
  values.load_bytes_total = now.load_bytes_total;
  values.store_bytes_total = now.store_bytes_total;
  values.load_jobs_total = now.load_jobs_total;
  values.store_jobs_total = now.store_jobs_total;
  values.failed_jobs_total = now.failed_jobs_total;
  values.load_busy_ns_total = now.load_busy_ns_total;
  values.store_busy_ns_total = now.store_busy_ns_total;
  if (transfer->cuda != nullptr) pega::AddCudaFigures(*transfer->cuda, values);
  return Tell(pega::WriteVersioned(values, stats, pega::kStatsBytesFirst, "stats"));
}

int pega_transfer_close(pega_transfer* transfer) {
  if (transfer == nullptr) return PEGA_OK;
  const std::unique_ptr<pega_transfer> handle(transfer);
  pega_memory* memory = handle->memory;
  handle->engine.reset();
  --memory->transfers;
  return PEGA_OK;
}

}  // extern "C"
