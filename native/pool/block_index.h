// BlockIndex: the blocks of one namespace: hash → entry, the slots of each, and their recency
// order.
//
//   table ──► entries (64 bytes each) ──► slots (ranks × 8 bytes, same index)
//                │
//                └─ recency list through prev/next: warmest … coldest
//
// States of an entry: free → reserved → sealed → free; a sealed block whose slab is lost while it
// is pinned is *doomed*: out of the table, freed with its last pin.
// On the list ⇔ sealed and no pins ⇔ evictable. Ticks never rise from warm to cold along the list.
// An id may be used again for another block; a BlockRef tells the two apart by the incarnation.
//
// Memory for `blocks_max` is reserved at creation and touched lazily (lazy_array.h).
// It knows neither slabs nor engines: blocks.h moves blocks through their states.
#pragma once

#include <cstdint>
#include <span>

#include "base/slot_address.h"
#include "base/status.h"
#include "pool/block_hash.h"
#include "pool/block_table.h"
#include "pool/lazy_array.h"

namespace pega {

enum class BlockState : std::uint8_t { kFree = 0, kReserved, kSealed, kDoomed };

// A block that may be gone by the time somebody looks.
struct BlockRef {
  std::uint32_t id = kNoBlock;
  std::uint32_t incarnation = 0;
};

struct BlockEntry {
  BlockHash hash;
  std::uint32_t warmer;  // list neighbours; `colder` also links free entries
  std::uint32_t colder;
  std::uint32_t pins;  // uses by leases
  std::uint32_t incarnation;
  BlockRef parent;          // the block before it in its chain; older than it, so no cycles
  std::uint64_t tick : 56;  // when it was last put on the list
  std::uint64_t state : 8;

  BlockState State() const { return static_cast<BlockState>(state); }
  void SetTick(std::uint64_t now) { tick = now & ((std::uint64_t{1} << 56) - 1); }
};
static_assert(sizeof(BlockEntry) == 64);

class BlockIndex {
 public:
  static Result<BlockIndex> Create(std::uint64_t blocks_max, std::uint32_t rank_count,
                                   std::uint32_t hash_bytes);

  // The ids of hashes (packed, hash_bytes each) that are in the table, kNoBlock for others.
  // Prefetches, so that a batch costs one memory latency for many blocks.
  void FindBatch(std::span<const std::uint8_t> hashes, std::span<std::uint32_t> ids) const;
  std::uint32_t Find(const BlockHash& hash) const;

  // A reserved entry for a hash that is not in the table.
  std::uint32_t Insert(const BlockHash& hash, BlockRef parent);
  void Unlist(std::uint32_t id);  // out of the table, for a block that is to be doomed
  // Takes the entry back; out of the table unless it is doomed. REQUIRES: not on the list.
  void Free(std::uint32_t id);

  BlockEntry& entry(std::uint32_t id) { return entries_[id]; }
  const BlockEntry& entry(std::uint32_t id) const { return entries_[id]; }
  std::span<SlotAddress> slots(std::uint32_t id) {
    return {slots_.at(std::uint64_t{id} * rank_count_), rank_count_};
  }
  std::span<const SlotAddress> slots(std::uint32_t id) const {
    return {slots_.at(std::uint64_t{id} * rank_count_), rank_count_};
  }
  BlockRef RefTo(std::uint32_t id) const { return {id, entries_[id].incarnation}; }
  bool Lives(BlockRef ref) const {
    return ref.id != kNoBlock && entries_[ref.id].incarnation == ref.incarnation &&
           entries_[ref.id].State() != BlockState::kFree;
  }

  // The recency list.
  bool OnList(std::uint32_t id) const {
    return entries_[id].State() == BlockState::kSealed && entries_[id].pins == 0;
  }
  void PushWarmest(std::uint32_t id, std::uint64_t tick);
  void InsertColderThan(std::uint32_t id, std::uint32_t warmer);  // takes its tick
  void Remove(std::uint32_t id);
  std::uint32_t coldest() const { return coldest_; }
  std::uint32_t warmest() const { return warmest_; }

  std::uint32_t rank_count() const { return rank_count_; }
  std::uint32_t hash_bytes() const { return hash_bytes_; }
  std::uint64_t capacity() const { return entries_.size(); }
  std::uint32_t ids_used() const { return ids_used_; }  // ids below this were used at some time
  std::uint64_t live_blocks() const { return live_blocks_; }
  // Memory of the index for each live block: entry, slots, buckets, and the owners of its slots.
  std::uint64_t TouchedBytes() const;
  Status CheckInvariants() const;  // O(capacity)

 private:
  std::uint32_t MixOf(const BlockHash& hash) const { return hash.Mix(seed_); }
  Status CheckList() const;

  BlockTable table_;
  LazyArray<BlockEntry> entries_;
  LazyArray<SlotAddress> slots_;
  std::uint64_t seed_ = 0;
  std::uint64_t live_blocks_ = 0;
  std::uint64_t listed_ = 0;  // entries in the table
  std::uint32_t rank_count_ = 0;
  std::uint32_t hash_bytes_ = 0;
  std::uint32_t ids_used_ = 0;
  std::uint32_t free_head_ = kNoBlock;
  std::uint32_t warmest_ = kNoBlock;
  std::uint32_t coldest_ = kNoBlock;
};

}  // namespace pega
