// Statistics of the pool.
#include "pool/pool_impl.h"

namespace pega {

PoolStats PoolImpl::stats() const {
  PoolStats stats;
  stats.pool_bytes = slabs_->size() * slab_bytes_;
  stats.slab_bytes = slab_bytes_;
  for (const auto& ns : blocks_.name_spaces()) {
    stats.used_bytes += (ns->reserved + ns->sealed + ns->doomed) * ns->block_bytes;
    stats.pinned_bytes += ns->pinned * ns->block_bytes;
    stats.index_bytes += ns->index.TouchedBytes();
    stats.blocks_reserved += ns->reserved;
    stats.blocks_sealed += ns->sealed;
    stats.blocks_pinned += ns->pinned;
  }
  for (const auto& [handle, engine] : engines_) {
    stats.leases += engine->leases.size();
    stats.reservations += engine->reservations.size();
    stats.tombstones += engine->tombstones();
  }
  stats.slabs_ready = slabs_ready_;
  stats.slabs_free = classes_.free_slabs();
  stats.slabs_retired = slabs_retired_;
  const BlockTotals& totals = blocks_.totals();
  stats.queried_total = queried_total_;
  stats.hit_total = hit_total_;
  stats.reserved_total = totals.reserved;
  stats.sealed_total = totals.sealed;
  stats.abandoned_total = totals.abandoned;
  stats.evicted_total = totals.evicted;
  stats.lost_total = totals.lost;
  stats.full_total = full_total_;
  return stats;
}

std::vector<NamespaceStats> PoolImpl::namespaces() const {
  std::vector<NamespaceStats> all;
  for (const auto& ns : blocks_.name_spaces()) {
    NamespaceStats stats;
    stats.handle = ns->handle;
    stats.digest = ns->spec.digest;
    stats.hash_bytes = ns->spec.hash_bytes;
    stats.rank_slot_bytes = ns->spec.rank_slot_bytes;
    stats.blocks_reserved = ns->reserved;
    stats.blocks_sealed = ns->sealed;
    stats.blocks_pinned = ns->pinned;
    stats.used_bytes = (ns->reserved + ns->sealed + ns->doomed) * ns->block_bytes;
    all.push_back(std::move(stats));
  }
  return all;
}

std::vector<EngineStats> PoolImpl::engines() const {
  std::vector<EngineStats> all;
  for (const auto& [handle, engine] : engines_) {
    all.push_back({handle, engine->name_space(), engine->leases.size(), engine->reservations.size(),
                   engine->held_bytes()});
  }
  return all;
}

std::vector<SlabStats> PoolImpl::slabs() const {
  std::vector<SlabStats> all;
  for (std::uint32_t ordinal = 0; ordinal < slabs_ready_; ++ordinal) {
    const Slab& slab = slabs_->slab(ordinal);
    SlabStats stats;
    stats.ordinal = ordinal;
    switch (slab.state) {
      case SlabState::kAbsent:
      case SlabState::kFree: stats.state = SlabStats::State::kFree; break;
      case SlabState::kCut: stats.state = SlabStats::State::kCut; break;
      case SlabState::kDraining: stats.state = SlabStats::State::kDraining; break;
      case SlabState::kRetired: stats.state = SlabStats::State::kRetired; break;
    }
    if (stats.state != SlabStats::State::kFree && slab.slots > 0) {
      stats.name_space = classes_.slot_class(slab.class_id).name_space;
      stats.slot_bytes = slab.slot_pages * kPageBytes;
      stats.slots = slab.slots;
      stats.slots_used = slab.used;
      stats.longest_free_run = slab.bitmap.LongestFreeRun();
    }
    all.push_back(stats);
  }
  return all;
}

}  // namespace pega
