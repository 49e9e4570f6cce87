// BlockTable: an open addressing table from a mixed hash to block ids, of fixed size.
//
//   bucket = {id + 1 (0: empty), mixed hash}; home = mixed & mask; linear probing.
//
// The mixed hash lies beside the id, so that a probe that meets another block, and the backward
// shift of a deletion, don't read that block's entry (a cache miss each). There are no tombstones,
// so a lookup never slows down with age. At most two thirds of the buckets are used.
// It doesn't know hashes: the caller says whether a candidate is the one.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "pool/lazy_array.h"

namespace pega {

inline constexpr std::uint32_t kNoBlock = ~std::uint32_t{0};

class BlockTable {
 public:
  static Result<BlockTable> Create(std::uint64_t ids_max);

  void PrefetchBucket(std::uint32_t mixed) const { __builtin_prefetch(buckets_.at(mixed & mask_)); }
  // The first id with this mixed hash: most likely the one, for prefetching its entry. Or kNoBlock.
  std::uint32_t FirstCandidate(std::uint32_t mixed) const;
  // The id with this mixed hash for which is_it(id), or kNoBlock.
  template <typename IsIt>
  std::uint32_t Find(std::uint32_t mixed, IsIt is_it) const {
    for (std::uint64_t at = mixed & mask_; buckets_[at].id_plus_one != 0; at = (at + 1) & mask_) {
      if (buckets_[at].mixed != mixed) continue;
      const std::uint32_t id = buckets_[at].id_plus_one - 1;
      if (is_it(id)) return id;
    }
    return kNoBlock;
  }
  void Insert(std::uint32_t mixed, std::uint32_t id);  // REQUIRES: not in it
  void Erase(std::uint32_t mixed, std::uint32_t id);   // REQUIRES: in it

  std::uint64_t bucket_count() const { return buckets_.size(); }
  std::uint64_t CountUsed() const;  // O(buckets): for checks

 private:
  struct Bucket {
    std::uint32_t id_plus_one;
    std::uint32_t mixed;
  };
  LazyArray<Bucket> buckets_;
  std::uint64_t mask_ = 0;
};

}  // namespace pega
