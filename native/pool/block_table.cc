#include "pool/block_table.h"

#include <bit>
#include <cassert>

namespace pega {

Result<BlockTable> BlockTable::Create(std::uint64_t ids_max) {
  BlockTable table;
  const std::uint64_t buckets = std::bit_ceil(ids_max + ids_max / 2 + 2);
  Result<LazyArray<Bucket>> memory = LazyArray<Bucket>::Of(buckets);
  if (!memory.ok()) return memory.status();
  table.buckets_ = std::move(memory).value();
  table.mask_ = buckets - 1;
  return table;
}

std::uint32_t BlockTable::FirstCandidate(std::uint32_t mixed) const {
  return Find(mixed, [](std::uint32_t) { return true; });
}

void BlockTable::Insert(std::uint32_t mixed, std::uint32_t id) {
  std::uint64_t at = mixed & mask_;
  while (buckets_[at].id_plus_one != 0) at = (at + 1) & mask_;
  buckets_[at] = {id + 1, mixed};
}

void BlockTable::Erase(std::uint32_t mixed, std::uint32_t id) {
  std::uint64_t hole = mixed & mask_;
  while (buckets_[hole].id_plus_one != id + 1) {
    assert(buckets_[hole].id_plus_one != 0);
    hole = (hole + 1) & mask_;
  }
  // Move back each later one of the run that may lie in the hole: its home is not after the hole.
  for (std::uint64_t at = (hole + 1) & mask_; buckets_[at].id_plus_one != 0;
       at = (at + 1) & mask_) {
    const std::uint64_t distance_from_home = (at - buckets_[at].mixed) & mask_;
    if (distance_from_home < ((at - hole) & mask_)) continue;
    buckets_[hole] = buckets_[at];
    hole = at;
  }
  buckets_[hole] = {};
}

std::uint64_t BlockTable::CountUsed() const {
  std::uint64_t used = 0;
  for (std::uint64_t at = 0; at <= mask_; ++at) used += buckets_[at].id_plus_one != 0;
  return used;
}

}  // namespace pega
