// The copies of a run that goes directly: a pitched one for each span. Private to the planner.
#pragma once

#include "cuda/plan/block_runs.h"
#include "cuda/plan/layer_rows.h"
#include "cuda/plan/row_cuts.h"

namespace pega::cuda {

// take(PitchedCopy) each.
template <typename Take>
void ForEachDirectCopy(const BlockRun& run, const LayerRows& rows, Take take) {
  for (const RowSpan& span : rows.spans) {
    const std::uint64_t offset = rows.slot_offset_bytes + span.row_offset_bytes;
    CutAtPieces(PitchedCopy{.host_address = run.host_address + offset,
                            .host_pitch_bytes = rows.slot_pitch_bytes,
                            .device_address =
                                span.device_address + run.first_block * span.block_stride_bytes,
                            .device_pitch_bytes = span.block_stride_bytes,
                            .row_bytes = span.bytes,
                            .rows = run.block_count},
                run.slab_offset_bytes + offset, rows.piece_bytes, take);
  }
}

}  // namespace pega::cuda
