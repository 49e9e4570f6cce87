#include "cuda/device/device_parts.h"

#include <algorithm>
#include <utility>

#include "cuda/kernels/kernel_images.h"
#include "cuda/plan/calibration.h"

namespace pega::cuda {
namespace {

constexpr std::uint64_t kStagingBytesLeast = std::uint64_t{4} << 20;
constexpr std::uint64_t kSyncIdBytes = std::uint64_t{4} << 20;
constexpr std::uint64_t kIdBytes = std::uint64_t{1} << 20;
constexpr std::uint64_t kChunkGranularity = 4096;

Status CheckGpu(const Context& context) {
  const DriverApi& api = context.api();
  if (api.version < kOldestDriverVersion) {
    return Status(Code::kUnsupported, "the driver is of CUDA " + std::to_string(api.version / 1000) +
                                          "." + std::to_string(api.version % 1000 / 10) +
                                          "; pega's kernels need " + kOldestDriver);
  }
  int major = 0;
  PEGA_RETURN_IF_ERROR(ToStatus(
      api, "cuDeviceGetAttribute",
      api.DeviceGetAttribute(&major, kAttributeComputeCapabilityMajor, context.device())));
  if (major >= kOldestComputeCapabilityMajor) return Status::Ok();
  return Status(Code::kUnsupported, "GPU " + std::to_string(context.ordinal()) +
                                        " has compute capability " + std::to_string(major) +
                                        ".x; pega's kernels need " +
                                        std::to_string(kOldestComputeCapabilityMajor) + ".0");
}

Status CheckAddress(const Context& context, std::uint32_t layer, CUdeviceptr address) {
  const DriverApi& api = context.api();
  int type = 0;
  int ordinal = -1;
  const bool known =
      api.PointerGetAttribute(&type, kPointerMemoryType, address) == kSuccess &&
      api.PointerGetAttribute(&ordinal, kPointerDeviceOrdinal, address) == kSuccess;
  if (known && type == kMemoryDevice && ordinal == context.ordinal()) return Status::Ok();
  return Status(Code::kInvalidArgument, "layer " + std::to_string(layer) + ": address " +
                                            std::to_string(address) + " is not memory of GPU " +
                                            std::to_string(context.ordinal()));
}

Status CheckAllocations(const Context& context, const BlockLayout& layout) {
  for (const BlockLayout::Segment& segment : layout.segments()) {
    const std::uint64_t last = segment.device_address +
                               (layout.block_count() - 1) * segment.block_stride_bytes +
                               segment.bytes - 1;
    PEGA_RETURN_IF_ERROR(CheckAddress(context, segment.layer, segment.device_address));
    PEGA_RETURN_IF_ERROR(CheckAddress(context, segment.layer, last));
  }
  return Status::Ok();
}

// Two chunks of a direction have this many eighths of the staging memory.
std::uint64_t ChunkBytes(std::uint64_t staging_bytes, std::uint64_t eighths) {
  return staging_bytes * eighths / 16 / kChunkGranularity * kChunkGranularity;
}

void OpenPlanner(const ContextPtr& context, const BlockLayout& layout,
                 const CudaDeviceOptions& options, DeviceParts& parts) {
  PlannerOptions planner;
  planner.pin_piece_bytes = options.pins.piece_bytes;
  planner.choice = options.plan;
  parts.calibration = "not asked for";
  if (options.calibrate) {
    // A GPU that can't be measured, being full for example, can still be copied from.
    const Result<Calibration> found = Calibrate(context, false);
    if (found.ok()) {
      planner.cost = found.value().cost;
      parts.calibration = found.value().path.empty() ? found.value().note : found.value().path;
    } else {
      parts.calibration = "not measured: " + found.status().message();
    }
  }
  parts.planner.emplace(layout, planner);
}

// Loads have three quarters: each chunk of theirs costs calls of the thread that waits for them, and
// some microseconds of the link. Stores come in pieces of two chunks (kChunkBytesMax).
Status OpenStaging(const ContextPtr& context, std::uint64_t wanted_bytes, DeviceParts& parts) {
  Result<StagingMemory> memory =
      AllocateStaging(context, wanted_bytes, std::min(wanted_bytes, kStagingBytesLeast));
  if (!memory.ok()) return memory.status();
  parts.memory = std::move(memory).value();
  const CUdeviceptr address = parts.memory.memory.get();
  const std::uint64_t load_chunk = ChunkBytes(parts.memory.bytes, 6);
  Result<Staging> loads = Staging::Create(context, address, load_chunk);
  if (!loads.ok()) return loads.status();
  parts.load_staging = std::move(loads).value();
  Result<Staging> stores =
      Staging::Create(context, address + 2 * load_chunk, ChunkBytes(parts.memory.bytes, 2));
  if (!stores.ok()) return stores.status();
  parts.store_staging = std::move(stores).value();
  return Status::Ok();
}

Status OpenLanes(const ContextPtr& context, const std::shared_ptr<StreamPoints>& points,
                 DeviceParts& parts) {
  for (const JobKind kind : {JobKind::kLoadSync, JobKind::kLoadAsync, JobKind::kStore}) {
    const bool sync = kind == JobKind::kLoadSync;
    Result<Lane> lane =
        Lane::Create(context, points, sync, sync ? kSyncIdBytes : kIdBytes);
    if (!lane.ok()) return lane.status();
    parts.lanes[static_cast<std::size_t>(kind)] = std::move(lane).value();
  }
  return Status::Ok();
}

}  // namespace

Result<std::unique_ptr<DeviceParts>> DeviceParts::Open(const ContextPtr& context,
                                                       const std::shared_ptr<StreamPoints>& points,
                                                       const BlockLayout& layout,
                                                       const CudaDeviceOptions& options) {
  auto parts = std::make_unique<DeviceParts>();
  PEGA_RETURN_IF_ERROR(CheckGpu(*context));
  PEGA_RETURN_IF_ERROR(CheckAllocations(*context, layout));
  OpenPlanner(context, layout, options, *parts);
  PEGA_RETURN_IF_ERROR(OpenStaging(context, options.staging_bytes, *parts));
  Result<CopyKernels> kernels = CopyKernels::Load(context, options.kernel_ctas);
  if (!kernels.ok()) return kernels.status();
  parts->kernels = std::move(kernels).value();
  PEGA_RETURN_IF_ERROR(OpenLanes(context, points, *parts));
  return parts;
}

std::uint64_t DeviceParts::device_bytes() const {
  std::uint64_t bytes = memory.bytes;
  for (const std::optional<Lane>& lane : lanes) bytes += lane->device_bytes();
  return bytes;
}

}  // namespace pega::cuda
