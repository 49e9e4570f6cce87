#include "pool/slot_supply.h"

#include <algorithm>

namespace pega {

std::uint32_t SlotSupply::MakeRoom(NameSpace& ns, std::uint32_t wanted, std::uint32_t& budget) {
  const auto slots_a_block = [&](std::uint32_t class_id) {
    return static_cast<std::uint32_t>(
        std::count(ns.rank_class.begin(), ns.rank_class.end(), class_id));
  };
  std::uint32_t own_budget = kHashesPerBatch;
  std::uint32_t gone_budget = 2 * kHashesPerBatch;
  for (const std::uint32_t class_id : ns.rank_class) {
    const std::uint64_t needed = std::uint64_t{wanted} * slots_a_block(class_id);
    Request request{.ns = ns,
                    .class_id = class_id,
                    .drain_budget = budget,
                    .own_budget = own_budget,
                    .gone_budget = gone_budget};
    while (classes_.slot_class(class_id).free_slots < needed) {
      if (!classes_.CutFree(class_id) && !FreeOne(request)) break;
    }
    own_budget = request.own_budget;
    gone_budget = request.gone_budget;
  }
  // Counted at the end: room for one class may have been made at the cost of another.
  std::uint64_t room = wanted;
  for (const std::uint32_t class_id : ns.rank_class) {
    room = std::min(room, classes_.slot_class(class_id).free_slots / slots_a_block(class_id));
  }
  return static_cast<std::uint32_t>(room);
}

bool SlotSupply::FreeOne(Request& request) {
  if (TakeForeignSlab(request)) return true;
  const std::uint32_t own = request.ns.index.coldest();
  const bool has_slab = !classes_.slot_class(request.class_id).slabs.empty();
  if (own == kNoBlock || !has_slab) return false;
  std::uint32_t& budget = blocks_.Gone(request.ns, own) ? request.gone_budget : request.own_budget;
  if (budget == 0) return false;
  --budget;
  blocks_.Evict(request.ns, own);
  return true;
}

bool SlotSupply::TakeForeignSlab(Request& request) {
  if (cleanup_.draining() || request.drain_budget == 0) return false;
  if (!request.looked) request.foreign = ColdestForeignSlab(request.class_id);
  request.looked = true;
  if (!request.foreign) return false;
  const ColdSlab cold = *request.foreign;
  const BlockIndex& index = request.ns.index;
  const bool has_slab = !classes_.slot_class(request.class_id).slabs.empty();
  if (has_slab && index.coldest() != kNoBlock && cold.tick >= index.entry(index.coldest()).tick) {
    return false;
  }
  request.looked = false;
  // Evictions since the look may have emptied it: then it is free, or cut for somebody already.
  const Slab& slab = slabs_.slab(cold.ordinal);
  if (slab.state != SlabState::kCut || slab.class_id == request.class_id) return true;
  cleanup_.Drain(cold.ordinal, request.class_id);
  cleanup_.Step(request.drain_budget);
  return !cleanup_.draining();
}

std::optional<SlotSupply::ColdSlab> SlotSupply::ColdestForeignSlab(std::uint32_t class_id) const {
  std::optional<ColdSlab> coldest;
  for (std::uint32_t ordinal = 0; ordinal < slabs_.size(); ++ordinal) {
    const Slab& slab = slabs_.slab(ordinal);
    if (slab.state != SlabState::kCut || slab.class_id == class_id || slab.held > 0) continue;
    const std::uint64_t tick = slab.used == 0 ? 0 : slab.last_touch;
    if (!coldest || tick < coldest->tick) coldest = ColdSlab{ordinal, tick};
  }
  return coldest;
}

}  // namespace pega
