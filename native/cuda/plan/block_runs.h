// BlockRuns: the blocks of a piece in the order of their slots, as runs of neighbours.
//
// The order of a piece's blocks means nothing to who waits for it, so they are sorted by slot: what
// lies together in a slab is then one run, whatever order it was asked for in. Private to the
// planner.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/status.h"
#include "transfer/device.h"

namespace pega::cuda {

// Host address of a slab, or why there is none.
using SlabAddress = std::function<Result<std::uint64_t>(std::uint32_t ordinal)>;

// Device blocks first_block, first_block + 1, … and slots one pitch apart.
struct BlockRun {
  std::uint64_t host_address = 0;       // of the first slot
  std::uint64_t slab_offset_bytes = 0;  // of the first slot
  std::uint32_t first_block = 0;
  std::uint32_t block_count = 0;
  bool continues = false;  // its first slot is the neighbour of the last run's last one
};

// The status of `slab_address` where a slab has no address. Asks once for each slab.
Result<std::vector<BlockRun>> FindBlockRuns(std::span<const BlockCopy> blocks,
                                            std::uint64_t slot_pitch_bytes,
                                            const SlabAddress& slab_address);

}  // namespace pega::cuda
