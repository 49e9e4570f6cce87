// The part of pega.h that copies: a TransferEngine over the host device, behind C.
// Pointers and sizes are checked here; plans are checked by the engine.
#include <chrono>
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

// The structs in ABI version 1: what the oldest caller has.
constexpr std::uint32_t kOptionsBytesFirst = 48;
constexpr std::uint32_t kJobBytesFirst = 48;
constexpr std::uint32_t kReportBytesFirst = 16;
constexpr std::uint32_t kStatsBytesFirst = 64;
static_assert(sizeof(pega_transfer_options) == kOptionsBytesFirst);
static_assert(sizeof(pega_job) == kJobBytesFirst);
static_assert(sizeof(pega_job_report) == kReportBytesFirst);
static_assert(sizeof(pega_transfer_stats) == kStatsBytesFirst);

constexpr char kNullTransfer[] = "transfer is NULL";

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

Result<JobSpec> Spec(const pega_job* given) {
  Result<pega_job> read = ReadVersioned(given, kJobBytesFirst, "job");
  if (!read.ok()) return read.status();
  const pega_job& job = read.value();
  if (job.kind > PEGA_STORE) return Invalid("job.kind is " + std::to_string(job.kind));
  if (job.block_count > kBlocksPerJobMax || job.group_count > kLayersMax) {
    return Invalid("job: " + std::to_string(job.block_count) + " blocks in " +
                   std::to_string(job.group_count) + " groups; " +
                   std::to_string(kBlocksPerJobMax) + " in " + std::to_string(kLayersMax) +
                   " are possible");
  }
  if ((job.block_count > 0 && (job.device_blocks == nullptr || job.slots == nullptr)) ||
      (job.group_count > 0 && job.group_ends == nullptr)) {
    return Invalid("job.device_blocks, job.slots or job.group_ends is NULL");
  }
  JobSpec spec{.kind = static_cast<JobKind>(job.kind)};
  spec.blocks.reserve(job.block_count);
  for (std::uint64_t i = 0; i < job.block_count; ++i) {
    spec.blocks.push_back({job.device_blocks[i], {job.slots[i].slab_ordinal, job.slots[i].page}});
  }
  if (job.group_count > 0) spec.group_ends.assign(job.group_ends, job.group_ends + job.group_count);
  return spec;
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
  pega::Result<pega::BlockLayout> layout = pega::Layout(read.value());
  if (!layout.ok()) return Tell(layout.status());
  pega::Result<std::shared_ptr<pega::SlabSet>> slabs = memory->engine->slabs();
  if (!slabs.ok()) return Tell(slabs.status());
  auto handle = std::make_unique<pega_transfer>();
  handle->memory = memory;
  handle->slot_bytes = layout.value().slot_bytes();
  handle->layer_count = layout.value().layer_count();
  handle->engine = pega::TransferEngine::Create(pega::MakeHostDevice(
      std::move(layout).value(), std::move(slabs).value(), read.value().thread_count));
  ++memory->transfers;
  *transfer = handle.release();
  return PEGA_OK;
}

int pega_transfer_shape(const pega_transfer* transfer, uint64_t* slot_bytes,
                        uint32_t* layer_count) {
  if (transfer == nullptr) return pega::Refuse(pega::kNullTransfer);
  if (slot_bytes != nullptr) *slot_bytes = transfer->slot_bytes;
  if (layer_count != nullptr) *layer_count = transfer->layer_count;
  return PEGA_OK;
}

int pega_transfer_submit(pega_transfer* transfer, const pega_job* job, uint64_t* job_id) {
  if (transfer == nullptr || job_id == nullptr) return pega::Refuse("transfer or job_id is NULL");
  pega::Result<pega::JobSpec> spec = pega::Spec(job);
  if (!spec.ok()) return Tell(spec.status());
  const pega::Result<pega::JobId> id = transfer->engine->Submit(std::move(spec).value());
  if (!id.ok()) return Tell(id.status());
  *job_id = id.value();
  return PEGA_OK;
}

int pega_transfer_wait(pega_transfer* transfer, uint64_t job_id, uint32_t group,
                       uint32_t timeout_ms) {
  if (transfer == nullptr) return pega::Refuse(pega::kNullTransfer);
  return Tell(transfer->engine->WaitGroup(job_id, group, std::chrono::milliseconds(timeout_ms)));
}

int pega_transfer_poll(pega_transfer* transfer, uint64_t job_id, pega_job_report* report) {
  if (transfer == nullptr) return pega::Refuse(pega::kNullTransfer);
  const pega::Result<pega::JobReport> found = transfer->engine->Poll(job_id);
  if (!found.ok()) return Tell(found.status());
  const pega_job_report values{.struct_bytes = 0,
                               .done = found.value().done ? 1U : 0U,
                               .groups_done = found.value().groups_done,
                               .code = static_cast<int32_t>(found.value().status.code())};
  const Status written = pega::WriteVersioned(values, report, pega::kReportBytesFirst, "report");
  if (written.ok() && !found.value().status.ok()) pega::Note(found.value().status);
  return Tell(written);
}

int pega_transfer_forget(pega_transfer* transfer, uint64_t job_id) {
  if (transfer == nullptr) return pega::Refuse(pega::kNullTransfer);
  transfer->engine->Forget(job_id);
  return PEGA_OK;
}

int pega_transfer_get_stats(const pega_transfer* transfer, pega_transfer_stats* stats) {
  if (transfer == nullptr) return pega::Refuse(pega::kNullTransfer);
  const pega::TransferStats now = transfer->engine->stats();
  const pega_transfer_stats values{.struct_bytes = 0,
                                   .jobs_now = now.jobs_now,
                                   .load_bytes_total = now.load_bytes_total,
                                   .store_bytes_total = now.store_bytes_total,
                                   .load_jobs_total = now.load_jobs_total,
                                   .store_jobs_total = now.store_jobs_total,
                                   .failed_jobs_total = now.failed_jobs_total,
                                   .load_busy_ns_total = now.load_busy_ns_total,
                                   .store_busy_ns_total = now.store_busy_ns_total};
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
