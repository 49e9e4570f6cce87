#include "pool/block_index.h"

#include <algorithm>
#include <cassert>
#include <string>

#include "shared/pool_folder.h"

namespace pega {

namespace {
constexpr std::size_t kTile = 64;  // blocks in flight between prefetch and use
}  // namespace

Result<BlockIndex> BlockIndex::Create(std::uint64_t blocks_max, std::uint32_t rank_count,
                                      std::uint32_t hash_bytes) {
  if (blocks_max >= kNoBlock) {
    return Status(Code::kLimit, "a pool of " + std::to_string(blocks_max) +
                                    " blocks of this size; an index holds 2^32 - 2 at most");
  }
  BlockIndex index;
  Result<BlockTable> table = BlockTable::Create(blocks_max);
  if (!table.ok()) return table.status();
  Result<LazyArray<BlockEntry>> entries = LazyArray<BlockEntry>::Of(blocks_max);
  if (!entries.ok()) return entries.status();
  Result<LazyArray<SlotAddress>> slots = LazyArray<SlotAddress>::Of(blocks_max * rank_count);
  if (!slots.ok()) return slots.status();
  PEGA_RETURN_IF_ERROR(
      FillRandom(reinterpret_cast<std::uint8_t*>(&index.seed_), sizeof(index.seed_)));
  index.table_ = std::move(table).value();
  index.entries_ = std::move(entries).value();
  index.slots_ = std::move(slots).value();
  index.rank_count_ = rank_count;
  index.hash_bytes_ = hash_bytes;
  return index;
}

void BlockIndex::FindBatch(std::span<const std::uint8_t> hashes,
                           std::span<std::uint32_t> ids) const {
  BlockHash keys[kTile];
  std::uint32_t mixes[kTile];
  for (std::size_t start = 0; start < ids.size(); start += kTile) {
    const std::size_t count = std::min(kTile, ids.size() - start);
    for (std::size_t i = 0; i < count; ++i) {
      keys[i] = BlockHash::Of(hashes.subspan((start + i) * hash_bytes_, hash_bytes_));
      mixes[i] = MixOf(keys[i]);
      table_.PrefetchBucket(mixes[i]);
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t candidate = table_.FirstCandidate(mixes[i]);
      ids[start + i] = candidate;
      if (candidate == kNoBlock) continue;
      __builtin_prefetch(entries_.at(candidate), 1);
      __builtin_prefetch(slots_.at(std::uint64_t{candidate} * rank_count_));
    }
    for (std::size_t i = 0; i < count; ++i) {
      std::uint32_t& id = ids[start + i];
      if (id == kNoBlock || entries_[id].hash == keys[i]) continue;
      id = Find(keys[i]);  // two blocks with one mixed hash
    }
  }
}

std::uint32_t BlockIndex::Find(const BlockHash& hash) const {
  return table_.Find(MixOf(hash), [&](std::uint32_t id) { return entries_[id].hash == hash; });
}

std::uint32_t BlockIndex::Insert(const BlockHash& hash, BlockRef parent) {
  std::uint32_t id = free_head_;
  if (id != kNoBlock) {
    free_head_ = entries_[id].colder;
  } else {
    assert(ids_used_ < entries_.size());
    id = ids_used_++;
  }
  BlockEntry& entry = entries_[id];
  entry.hash = hash;
  entry.warmer = entry.colder = kNoBlock;
  entry.pins = 0;
  entry.parent = parent;
  entry.tick = 0;
  entry.state = static_cast<std::uint8_t>(BlockState::kReserved);
  table_.Insert(MixOf(hash), id);
  ++listed_;
  ++live_blocks_;
  return id;
}

void BlockIndex::Unlist(std::uint32_t id) {
  table_.Erase(MixOf(entries_[id].hash), id);
  --listed_;
}

void BlockIndex::Free(std::uint32_t id) {
  BlockEntry& entry = entries_[id];
  if (entry.State() != BlockState::kDoomed) Unlist(id);
  entry.state = static_cast<std::uint8_t>(BlockState::kFree);
  ++entry.incarnation;
  entry.colder = free_head_;
  free_head_ = id;
  --live_blocks_;
}

void BlockIndex::PushWarmest(std::uint32_t id, std::uint64_t tick) {
  BlockEntry& entry = entries_[id];
  entry.SetTick(tick);
  entry.warmer = kNoBlock;
  entry.colder = warmest_;
  (warmest_ != kNoBlock ? entries_[warmest_].warmer : coldest_) = id;
  warmest_ = id;
}

void BlockIndex::InsertColderThan(std::uint32_t id, std::uint32_t warmer) {
  BlockEntry& entry = entries_[id];
  BlockEntry& above = entries_[warmer];
  entry.tick = above.tick;
  entry.warmer = warmer;
  entry.colder = above.colder;
  (above.colder != kNoBlock ? entries_[above.colder].warmer : coldest_) = id;
  above.colder = id;
}

void BlockIndex::Remove(std::uint32_t id) {
  BlockEntry& entry = entries_[id];
  (entry.warmer != kNoBlock ? entries_[entry.warmer].colder : warmest_) = entry.colder;
  (entry.colder != kNoBlock ? entries_[entry.colder].warmer : coldest_) = entry.warmer;
  entry.warmer = entry.colder = kNoBlock;
}

std::uint64_t BlockIndex::TouchedBytes() const {
  // A bucket of 8 bytes for each block in a table that is filled evenly; the table's part that live
  // blocks touch is at most whole.
  const std::uint64_t table_bytes =
      std::min<std::uint64_t>(table_.bucket_count() * 8, live_blocks_ * 4096);
  const std::uint64_t slot_bytes = std::uint64_t{rank_count_} * (sizeof(SlotAddress) + 4);
  return table_bytes + live_blocks_ * (sizeof(BlockEntry) + slot_bytes);
}

Status BlockIndex::CheckInvariants() const {
  std::uint64_t live = 0, listed = 0;
  for (std::uint32_t id = 0; id < ids_used_; ++id) {
    const BlockEntry& entry = entries_[id];
    if (entry.State() == BlockState::kFree) continue;
    ++live;
    const bool found = Find(entry.hash) == id;
    if (found != (entry.State() != BlockState::kDoomed)) {
      return Status(Code::kInternal,
                    "block " + std::to_string(id) + " is wrongly (not) in the table");
    }
    listed += found;
    if (entry.State() == BlockState::kReserved && entry.pins != 0) {
      return Status(Code::kInternal, "reserved block " + std::to_string(id) + " has pins");
    }
  }
  if (live != live_blocks_ || listed != listed_ || table_.CountUsed() != listed_) {
    return Status(Code::kInternal, "the index's counts differ from its entries");
  }
  return CheckList();
}

Status BlockIndex::CheckList() const {
  std::uint64_t evictable = 0, on_list = 0;
  for (std::uint32_t id = 0; id < ids_used_; ++id) evictable += OnList(id);
  std::uint64_t tick = ~std::uint64_t{0};
  std::uint32_t before = kNoBlock;
  for (std::uint32_t id = warmest_; id != kNoBlock; before = id, id = entries_[id].colder) {
    const BlockEntry& entry = entries_[id];
    if (!OnList(id) || entry.warmer != before || entry.tick > tick || ++on_list > evictable) {
      return Status(Code::kInternal, "the recency list is broken at block " + std::to_string(id));
    }
    tick = entry.tick;
  }
  if (on_list != evictable || before != coldest_) {
    return Status(Code::kInternal, "the recency list misses evictable blocks");
  }
  return Status::Ok();
}

}  // namespace pega
