// CheckInvariants: recounts everything from the ground and compares. For tests.
#include <string>
#include <unordered_map>

#include "pool/pool_impl.h"

namespace pega {

namespace {

Status Broken(const std::string& what) { return Status(Code::kInternal, what); }

// Each used slot has an owner that knows it, and a mark that fits; counts the held ones.
Status CheckUsedSlots(const SlabTable& slabs, std::uint32_t ordinal, const BlockIndex& index) {
  const Slab& slab = slabs.slab(ordinal);
  std::uint32_t held = 0;
  for (std::uint32_t slot = slab.bitmap.NextUsed(0); slot < slab.slots;
       slot = slab.bitmap.NextUsed(slot + 1)) {
    const std::uint32_t id = slabs.OwnerOf(ordinal, slot);
    const std::string name = "slot " + std::to_string(slot) + " of slab " + std::to_string(ordinal);
    if (id >= index.ids_used() || index.entry(id).State() == BlockState::kFree) {
      return Broken(name + " is used by no block");
    }
    int times = 0;
    for (const SlotAddress address : index.slots(id)) {
      times += address == slabs.AddressOf(ordinal, slot);
    }
    if (times != 1) return Broken(name + " is not its owner's");
    const BlockState state = index.entry(id).State();
    held += state == BlockState::kReserved || index.entry(id).pins > 0;
    if (slabs.marks().Sealed(ordinal, slot) != (state != BlockState::kReserved)) {
      return Broken(name + " has a mark that differs from its block");
    }
  }
  if (held != slab.held) return Broken("slab " + std::to_string(ordinal) + " miscounts held slots");
  return Status::Ok();
}

}  // namespace

Status PoolImpl::CheckInvariants() const {
  PEGA_RETURN_IF_ERROR(CheckSlabBooks());
  for (const auto& ns : blocks_.name_spaces()) PEGA_RETURN_IF_ERROR(CheckBlockBooks(*ns));
  for (const auto& [handle, engine] : engines_) PEGA_RETURN_IF_ERROR(CheckEngineBooks(*engine));
  const PoolStats now = stats();
  if (now.reserved_total != now.sealed_total + now.abandoned_total + now.blocks_reserved) {
    return Broken("reserved_total is not sealed + abandoned + reserved now");
  }
  return Status::Ok();
}

Status PoolImpl::CheckSlabBooks() const {
  std::vector<std::uint64_t> free_slots(classes_.size()), slab_counts(classes_.size());
  std::uint32_t free_slabs = 0;
  for (std::uint32_t ordinal = 0; ordinal < slabs_->size(); ++ordinal) {
    const Slab& slab = slabs_->slab(ordinal);
    free_slabs += slab.state == SlabState::kFree;
    if (slab.slots == 0) continue;
    if (slab.bitmap.CountUsed() != slab.used || (slab.state == SlabState::kFree && slab.used > 0)) {
      return Broken("slab " + std::to_string(ordinal) + " miscounts used slots");
    }
    if (slab.state == SlabState::kCut) {
      free_slots[slab.class_id] += slab.slots - slab.used;
      ++slab_counts[slab.class_id];
    }
    const NamespaceHandle handle = classes_.slot_class(slab.class_id).name_space;
    PEGA_RETURN_IF_ERROR(CheckUsedSlots(*slabs_, ordinal, blocks_.name_spaces()[handle]->index));
  }
  if (free_slabs != classes_.free_slabs()) return Broken("the list of free slabs is wrong");
  for (std::uint32_t id = 0; id < classes_.size(); ++id) {
    const SlotClass& slot_class = classes_.slot_class(id);
    if (slot_class.free_slots != free_slots[id] || slot_class.slabs.size() != slab_counts[id]) {
      return Broken("class " + std::to_string(id) + " miscounts its slabs or free slots");
    }
  }
  return Status::Ok();
}

Status PoolImpl::CheckBlockBooks(const NameSpace& ns) const {
  PEGA_RETURN_IF_ERROR(ns.index.CheckInvariants());
  std::unordered_map<std::uint32_t, std::uint64_t> leased;
  std::unordered_map<std::uint32_t, std::uint64_t> reserved_by;
  for (const auto& [handle, engine] : engines_) {
    if (engine->name_space() != ns.handle) continue;
    for (const auto& [id, lease] : engine->leases) {
      for (const std::uint32_t block : lease.blocks) ++leased[block];
    }
    for (const auto& [id, reservation] : engine->reservations) {
      for (const ReservedBatch& batch : reservation.batches) {
        for (const ReservedPosition& position : batch.positions) {
          if (position.state == PositionState::kInFlight) ++reserved_by[position.block];
        }
      }
    }
  }
  std::uint64_t reserved = 0, sealed = 0, doomed = 0, pinned = 0;
  for (std::uint32_t id = 0; id < ns.index.ids_used(); ++id) {
    const BlockEntry& entry = ns.index.entry(id);
    const BlockState state = entry.State();
    if (state == BlockState::kFree) continue;
    reserved += state == BlockState::kReserved;
    sealed += state == BlockState::kSealed;
    doomed += state == BlockState::kDoomed;
    pinned += entry.pins > 0;
    const auto pins = leased.find(id);
    const auto reservations = reserved_by.find(id);
    const bool pins_fit = entry.pins == (pins == leased.end() ? 0 : pins->second);
    const std::uint64_t in_flight = reservations == reserved_by.end() ? 0 : reservations->second;
    if (!pins_fit || in_flight != (state == BlockState::kReserved ? 1 : 0)) {
      return Broken("block " + std::to_string(id) + " is not used as leases and reservations say");
    }
    for (const SlotAddress slot : ns.index.slots(id)) {
      const Slab& slab = slabs_->slab(slot.slab_ordinal);
      const std::uint32_t slot_index = slabs_->IndexOf(slot);
      if (slab.bitmap.IsFree(slot_index) || slabs_->OwnerOf(slot.slab_ordinal, slot_index) != id) {
        return Broken("block " + std::to_string(id) + " has a slot that is not its own");
      }
    }
  }
  if (reserved != ns.reserved || sealed != ns.sealed || doomed != ns.doomed ||
      pinned != ns.pinned) {
    return Broken("namespace " + std::to_string(ns.handle) + " miscounts its blocks");
  }
  return Status::Ok();
}

Status PoolImpl::CheckEngineBooks(const EngineLedger& engine) const {
  std::unordered_map<std::uint32_t, std::uint32_t> uses;
  std::uint64_t leased_blocks = 0;
  for (const auto& [id, lease] : engine.leases) {
    for (const std::uint32_t block : lease.blocks) ++uses[block];
    leased_blocks += lease.blocks.size();
  }
  if (leased_blocks != engine.leased_blocks) {
    return Broken("engine " + std::to_string(engine.handle()) + " miscounts its leased blocks");
  }
  for (const auto& [id, reservation] : engine.reservations) {
    std::uint32_t in_flight = 0;
    for (const ReservedBatch& batch : reservation.batches) {
      for (const ReservedPosition& position : batch.positions) {
        if (position.state != PositionState::kInFlight) continue;
        ++uses[position.block];
        ++in_flight;
      }
    }
    if (in_flight != reservation.in_flight) {
      return Broken("reservation " + std::to_string(id) + " miscounts its blocks in flight");
    }
  }
  for (const auto& [block, count] : uses) {
    if (engine.UseCount(block) == count) continue;
    return Broken("engine " + std::to_string(engine.handle()) + " miscounts uses of a block");
  }
  const NameSpace& ns = *blocks_.name_spaces()[engine.name_space()];
  if (engine.held_bytes() != uses.size() * ns.block_bytes ||
      engine.held_bytes() > HoldLimitBytes()) {
    return Broken("engine " + std::to_string(engine.handle()) + " miscounts the bytes it holds");
  }
  return Status::Ok();
}

}  // namespace pega
