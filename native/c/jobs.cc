// The part of pega.h that copies: jobs of a transfer. Pointers and sizes are checked here, plans by
// the engine.
#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "c/codes.h"
#include "c/handles.h"
#include "c/pega.h"
#include "c/versioned_struct.h"

namespace pega {
namespace {

// The structs in ABI version 1: what the oldest caller has, and ours.
constexpr std::uint32_t kJobBytesFirst = 48;
constexpr std::uint32_t kReportBytesFirst = 16;
static_assert(sizeof(pega_job) == 56);
static_assert(sizeof(pega_job_report) == kReportBytesFirst);

Status Invalid(std::string message) { return Status(Code::kInvalidArgument, std::move(message)); }

Result<std::vector<BlockCopy>> Blocks(const std::uint32_t* device_blocks, const pega_slot* slots,
                                      std::uint64_t block_count) {
  if (block_count > kBlocksPerJobMax) {
    return Invalid(std::to_string(block_count) + " blocks; " + std::to_string(kBlocksPerJobMax) +
                   " are possible");
  }
  if (block_count > 0 && (device_blocks == nullptr || slots == nullptr)) {
    return Invalid("device_blocks or slots is NULL");
  }
  std::vector<BlockCopy> blocks;
  blocks.reserve(block_count);
  for (std::uint64_t i = 0; i < block_count; ++i) {
    blocks.push_back({device_blocks[i], {slots[i].slab_ordinal, slots[i].page}});
  }
  return blocks;
}

Result<JobSpec> Spec(TransferEngine& engine, const pega_job& job) {
  if (job.kind > PEGA_STORE) return Invalid("job.kind is " + std::to_string(job.kind));
  if (job.group_count > kLayersMax) {
    return Invalid("job: " + std::to_string(job.group_count) + " groups; " +
                   std::to_string(kLayersMax) + " are possible");
  }
  if (job.group_count > 0 && job.group_ends == nullptr) return Invalid("job.group_ends is NULL");
  Result<std::vector<BlockCopy>> blocks = Blocks(job.device_blocks, job.slots, job.block_count);
  if (!blocks.ok()) return Invalid("job: " + blocks.status().message());
  JobSpec spec{.kind = static_cast<JobKind>(job.kind), .blocks = std::move(blocks).value()};
  if (job.group_count > 0) spec.group_ends.assign(job.group_ends, job.group_ends + job.group_count);
  if (job.after_stream != nullptr) {
    Result<StreamPointPtr> now = engine.Mark(*job.after_stream);
    if (!now.ok()) return now.status();
    spec.after = std::move(now).value();
  }
  return spec;
}

// End layers of groups of `layers_per_group`.
std::vector<std::uint32_t> EvenGroups(std::uint32_t layers, std::uint32_t layers_per_group) {
  std::vector<std::uint32_t> ends;
  for (std::uint32_t end = 0; end < layers;) {
    end += std::min(layers_per_group, layers - end);
    ends.push_back(end);
  }
  return ends;
}

}  // namespace
}  // namespace pega

using pega::Status;
using pega::Tell;

extern "C" {

int pega_transfer_submit(pega_transfer* transfer, const pega_job* job, uint64_t* job_id) {
  if (transfer == nullptr || job_id == nullptr) return pega::Refuse("transfer or job_id is NULL");
  const pega::Result<pega_job> read = pega::ReadVersioned(job, pega::kJobBytesFirst, "job");
  if (!read.ok()) return Tell(read.status());
  pega::Result<pega::JobSpec> spec = pega::Spec(*transfer->engine, read.value());
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

int pega_transfer_stream_wait(pega_transfer* transfer, uint64_t job_id, uint32_t group,
                              uint64_t stream) {
  if (transfer == nullptr) return pega::Refuse(pega::kNullTransfer);
  return Tell(transfer->engine->HoldStream(job_id, group, stream));
}

int pega_transfer_fit_groups(const pega_transfer* transfer, const uint32_t* device_blocks,
                             const pega_slot* slots, uint64_t block_count,
                             uint32_t layers_per_group, uint64_t calls_max, uint32_t* ends,
                             uint64_t* end_count) {
  if (transfer == nullptr) return pega::Refuse(pega::kNullTransfer);
  if (ends == nullptr || end_count == nullptr) return pega::Refuse("ends or end_count is NULL");
  if (layers_per_group == 0) return pega::Refuse("layers_per_group is 0");
  pega::Result<std::vector<pega::BlockCopy>> blocks =
      pega::Blocks(device_blocks, slots, block_count);
  if (!blocks.ok()) return Tell(blocks.status());
  const std::uint32_t layers = transfer->device->layout().layer_count();
  const std::vector<std::uint32_t> fitting =
      transfer->cuda != nullptr
          ? transfer->cuda->FitGroups(blocks.value(), layers_per_group, calls_max)
          : pega::EvenGroups(layers, layers_per_group);
  std::copy(fitting.begin(), fitting.end(), ends);
  *end_count = fitting.size();
  return PEGA_OK;
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

}  // extern "C"
