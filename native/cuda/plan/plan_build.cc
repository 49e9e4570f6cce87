#include "cuda/plan/plan_build.h"

#include "cuda/plan/direct_copies.h"
#include "cuda/plan/driver_calls.h"

namespace pega::cuda {
namespace {

void AddStagedBlocks(const BlockRun& run, std::vector<std::uint32_t>& block_ids) {
  for (std::uint32_t i = 0; i < run.block_count; ++i) block_ids.push_back(run.first_block + i);
}

// Host runs of staged blocks, as if the buffer held them all: device addresses count from its
// start.
std::vector<PitchedCopy> StagedRows(std::span<const BlockRun> runs, const std::vector<bool>& direct,
                                    const LayerRows& rows) {
  std::vector<PitchedCopy> copies;
  copies.reserve(runs.size());
  const auto take = [&](const PitchedCopy& copy) { copies.push_back(copy); };
  std::uint64_t staged = 0;
  for (std::size_t i = 0; i < runs.size();) {
    if (direct[i]) {
      ++i;
      continue;
    }
    const BlockRun& first = runs[i];
    std::uint64_t count = 0;
    do {
      count += runs[i].block_count;
      ++i;
    } while (i < runs.size() && !direct[i] && runs[i].continues);
    CutAtPieces(PitchedCopy{.host_address = first.host_address + rows.slot_offset_bytes,
                            .host_pitch_bytes = rows.slot_pitch_bytes,
                            .device_address = staged * rows.row_bytes,
                            .device_pitch_bytes = rows.row_bytes,
                            .row_bytes = rows.row_bytes,
                            .rows = count},
                first.slab_offset_bytes + rows.slot_offset_bytes, rows.piece_bytes, take);
    staged += count;
  }
  return copies;
}

}  // namespace

CopyPlan BuildPlan(std::span<const BlockRun> runs, const std::vector<bool>& direct,
                   const LayerRows& rows, const ChunkRule& rule) {
  CopyPlan plan;
  plan.row_bytes = rows.row_bytes;
  std::size_t staged = 0;
  std::size_t direct_runs = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    (direct[i] ? direct_runs : staged) += direct[i] ? 1 : runs[i].block_count;
  }
  plan.direct.reserve(direct_runs * rows.spans.size());
  plan.staged_block_ids.reserve(staged);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (direct[i]) {
      ForEachDirectCopy(runs[i], rows,
                        [&](const PitchedCopy& copy) { plan.direct.push_back(copy); });
    } else {
      AddStagedBlocks(runs[i], plan.staged_block_ids);
    }
  }
  if (staged > 0) CutIntoChunks(StagedRows(runs, direct, rows), rule, plan);
  plan.driver_calls = kCallsPerPiece +
                      (plan.direct.size() + plan.staged_copies.size()) * kCallsPerCopy +
                      plan.chunks.size() * kCallsPerChunk;
  return plan;
}

}  // namespace pega::cuda
