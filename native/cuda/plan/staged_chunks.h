// Cuts the rows of staged blocks into chunks of the staging buffer. Private to the planner.
//
// Chunks are about even, so that no kernel and no DMA waits for an odd one, and end where a copy
// ends anyway if one does near by.
#pragma once

#include <cstdint>
#include <vector>

#include "cuda/plan/copy_plan.h"

namespace pega::cuda {

struct ChunkRule {
  std::uint64_t chunk_bytes = 0;  // of one staging buffer
  bool split = false;  // two chunks where one would do, so that a DMA runs beside the first kernel
};

// Halves shorter than this are not worth the calls of a second chunk.
inline constexpr std::uint64_t kSplitBytesMin = std::uint64_t{4} << 20;

// `copies`: all rows of plan.staged_block_ids in order, device addresses from the first row on.
// Sets plan.chunks and plan.staged_copies. REQUIRES: a row, plan.row_bytes, fits a chunk.
void CutIntoChunks(const std::vector<PitchedCopy>& copies, const ChunkRule& rule, CopyPlan& plan);

}  // namespace pega::cuda
