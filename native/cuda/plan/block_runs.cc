#include "cuda/plan/block_runs.h"

#include <algorithm>

namespace pega::cuda {
namespace {

std::uint64_t Key(const BlockCopy& block) {
  return std::uint64_t{block.slot.slab_ordinal} << 32 | block.slot.page;
}

bool Before(const BlockCopy& a, const BlockCopy& b) { return Key(a) < Key(b); }

Result<std::vector<BlockRun>> FindInOrder(std::span<const BlockCopy> blocks,
                                          std::uint64_t slot_pitch_bytes,
                                          const SlabAddress& slab_address) {
  std::vector<BlockRun> runs;
  runs.reserve(blocks.size());
  std::uint64_t slab = 0;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const BlockCopy& block = blocks[i];
    const std::uint64_t offset = block.slot.offset_bytes();
    const bool same_slab = i > 0 && blocks[i - 1].slot.slab_ordinal == block.slot.slab_ordinal;
    if (!same_slab) {
      Result<std::uint64_t> address = slab_address(block.slot.slab_ordinal);
      if (!address.ok()) return address.status();
      slab = address.value();
    }
    const bool neighbour =
        same_slab && blocks[i - 1].slot.offset_bytes() + slot_pitch_bytes == offset;
    if (neighbour && std::uint64_t{blocks[i - 1].device_block} + 1 == block.device_block) {
      ++runs.back().block_count;
    } else {
      runs.push_back({slab + offset, offset, block.device_block, 1, neighbour});
    }
  }
  return runs;
}

}  // namespace

Result<std::vector<BlockRun>> FindBlockRuns(std::span<const BlockCopy> blocks,
                                            std::uint64_t slot_pitch_bytes,
                                            const SlabAddress& slab_address) {
  if (std::is_sorted(blocks.begin(), blocks.end(), Before)) {
    return FindInOrder(blocks, slot_pitch_bytes, slab_address);
  }
  std::vector<BlockCopy> sorted(blocks.begin(), blocks.end());
  std::sort(sorted.begin(), sorted.end(), Before);
  return FindInOrder(sorted, slot_pitch_bytes, slab_address);
}

}  // namespace pega::cuda
