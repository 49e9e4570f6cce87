#include "pool/blocks.h"

#include <cassert>

namespace pega {

namespace {
void SetState(BlockEntry& entry, BlockState state) {
  entry.state = static_cast<std::uint8_t>(state);
}
}  // namespace

NameSpace& Blocks::Put(std::unique_ptr<NameSpace> name_space) {
  const NamespaceHandle handle = name_space->handle;
  assert(handle <= name_spaces_.size());
  if (handle == name_spaces_.size()) name_spaces_.emplace_back();
  name_spaces_[handle] = std::move(name_space);
  return *name_spaces_[handle];
}

void Blocks::Grant(NameSpace& ns, std::span<const std::uint32_t> ids,
                   std::span<std::uint64_t> generations) {
  const std::uint32_t ranks = ns.index.rank_count();
  for (std::uint32_t rank = 0; rank < ranks; ++rank) {
    for (std::size_t done = 0; done < ids.size();) {
      const SlotRun run =
          classes_.Take(ns.rank_class[rank], static_cast<std::uint32_t>(ids.size() - done));
      for (std::uint32_t i = 0; i < run.count; ++i, ++done) {
        const SlotAddress slot = slabs_.AddressOf(run.slab_ordinal, run.first + i);
        ns.index.slots(ids[done])[rank] = slot;
        generations[done * ranks + rank] = slabs_.Own(slot, ids[done]);
      }
    }
  }
  ns.reserved += ids.size();
  totals_.reserved += ids.size();
}

bool Blocks::Seal(NameSpace& ns, std::uint32_t id, std::uint64_t tick) {
  BlockEntry& entry = ns.index.entry(id);
  assert(entry.State() == BlockState::kReserved);
  if (Gone(ns, id)) {
    ++totals_.lost;
    Abandon(ns, id);
    return false;
  }
  for (const SlotAddress slot : ns.index.slots(id)) slabs_.MarkSealed(slot);
  Unhold(ns, id);
  SetState(entry, BlockState::kSealed);
  --ns.reserved;
  ++ns.sealed;
  ++totals_.sealed;
  const BlockRef parent = entry.parent;
  if (ns.index.Lives(parent) && ns.index.OnList(parent.id)) {
    ns.index.InsertColderThan(id, parent.id);
  } else {
    ns.index.PushWarmest(id, tick);
  }
  TouchSlabs(ns, id, tick);
  return true;
}

void Blocks::Abandon(NameSpace& ns, std::uint32_t id) {
  Unhold(ns, id);
  --ns.reserved;
  ++totals_.abandoned;
  Free(ns, id);
}

void Blocks::Pin(NameSpace& ns, std::uint32_t id) {
  BlockEntry& entry = ns.index.entry(id);
  if (entry.pins == 0) {
    ns.index.Remove(id);
    for (const SlotAddress slot : ns.index.slots(id)) slabs_.Hold(slot);
    ++ns.pinned;
  }
  ++entry.pins;
}

void Blocks::Unpin(NameSpace& ns, std::uint32_t id, std::uint64_t tick) {
  BlockEntry& entry = ns.index.entry(id);
  assert(entry.pins > 0);
  if (--entry.pins > 0) return;
  Unhold(ns, id);
  --ns.pinned;
  if (entry.State() == BlockState::kDoomed) {
    --ns.doomed;
    Free(ns, id);
    return;
  }
  ns.index.PushWarmest(id, tick);
  if (Gone(ns, id)) {
    Evict(ns, id);
  } else {
    TouchSlabs(ns, id, tick);
  }
}

void Blocks::Touch(NameSpace& ns, std::uint32_t id, std::uint64_t tick) {
  if (!ns.index.OnList(id)) return;
  if (ns.index.warmest() != id) {
    ns.index.Remove(id);
    ns.index.PushWarmest(id, tick);
  } else {
    ns.index.entry(id).SetTick(tick);
  }
  TouchSlabs(ns, id, tick);
}

void Blocks::Evict(NameSpace& ns, std::uint32_t id) {
  ++(InRetiredSlab(ns, id) ? totals_.lost : totals_.evicted);
  ns.index.Remove(id);
  --ns.sealed;
  Free(ns, id);
}

void Blocks::Vanish(NameSpace& ns, std::uint32_t id) {
  if (ns.index.OnList(id)) {
    Evict(ns, id);
    return;
  }
  ns.index.Unlist(id);
  SetState(ns.index.entry(id), BlockState::kDoomed);
  --ns.sealed;
  ++ns.doomed;
  ++totals_.lost;
}

bool Blocks::InLeavingSlab(const NameSpace& ns, std::uint32_t id) const {
  for (const SlotAddress slot : ns.index.slots(id)) {
    if (slabs_.Leaving(slot)) return true;
  }
  return false;
}

bool Blocks::InRetiredSlab(const NameSpace& ns, std::uint32_t id) const {
  if (!slabs_.AnyLeaving()) return false;
  for (const SlotAddress slot : ns.index.slots(id)) {
    if (slabs_.slab(slot.slab_ordinal).state == SlabState::kRetired) return true;
  }
  return false;
}

void Blocks::Unhold(const NameSpace& ns, std::uint32_t id) {
  for (const SlotAddress slot : ns.index.slots(id)) slabs_.Unhold(slot);
}

void Blocks::TouchSlabs(const NameSpace& ns, std::uint32_t id, std::uint64_t tick) {
  for (const SlotAddress slot : ns.index.slots(id)) slabs_.Touch(slot, tick);
}

void Blocks::Free(NameSpace& ns, std::uint32_t id) {
  for (const SlotAddress slot : ns.index.slots(id)) classes_.Give(slot);
  ns.index.Free(id);
}

}  // namespace pega
