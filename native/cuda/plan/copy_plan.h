// CopyPlan: the driver calls of one piece, worked out before any is made. No CUDA here.
//
// Two ways from slot to block. Direct: a pitched DMA for each span of a run of blocks that are
// neighbours on both sides. Staged: long DMA between slots and a buffer in HBM, row by row, and a
// kernel that scatters the rows to (or gathers them from) their blocks. Both in the order of slots;
// the direction is the piece's. The two ways touch different blocks, so their order is free: staged
// chunks first, then direct copies, and the last kernel of a load runs beside these.
#pragma once

#include <cstdint>
#include <vector>

namespace pega::cuda {

// `rows` rows of row_bytes: on the host at host_address + r × host_pitch_bytes; on the device at
// device_address + r × device_pitch_bytes (in a StagedChunk: from the buffer's start). No row
// crosses a registered piece, nor do all rows of one copy: they lie in one piece.
struct PitchedCopy {
  std::uint64_t host_address = 0;
  std::uint64_t host_pitch_bytes = 0;
  std::uint64_t device_address = 0;
  std::uint64_t device_pitch_bytes = 0;
  std::uint64_t row_bytes = 0;
  std::uint64_t rows = 1;
};

// What fits the staging buffer at once: blocks [first_block, first_block + block_count) of the
// piece's staged blocks (CopyPlan::staged_block_ids).
struct StagedChunk {
  std::uint32_t first_block = 0;
  std::uint32_t block_count = 0;
  std::uint32_t first_copy = 0;  // in CopyPlan::staged_copies
  std::uint32_t copy_count = 0;
};

struct CopyPlan {
  std::vector<PitchedCopy> direct;
  std::vector<std::uint32_t> staged_block_ids;  // device blocks, in row order
  std::vector<PitchedCopy> staged_copies;
  std::vector<StagedChunk> chunks;
  std::uint64_t row_bytes = 0;     // of staged rows; rows lie back to back in the buffer
  std::uint64_t driver_calls = 0;  // copies, kernels, and events between the streams
  double expected_seconds = 0;     // by the cost model
};

}  // namespace pega::cuda
