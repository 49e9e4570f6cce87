#include "pool/slab_cleanup.h"

#include <cassert>

namespace pega {

void SlabCleanup::Drain(std::uint32_t ordinal, std::uint32_t for_class) {
  assert(!draining_ && slabs_.slab(ordinal).held == 0);
  classes_.BeginDrain(ordinal, for_class);
  if (slabs_.slab(ordinal).state == SlabState::kDraining) draining_ = Sweep{ordinal, 0};
}

void SlabCleanup::Retire(std::uint32_t ordinal) {
  const bool in_use = slabs_.slab(ordinal).used > 0;
  if (draining_ && draining_->ordinal == ordinal) draining_.reset();
  classes_.Retire(ordinal);
  if (in_use) retired_.push_back({ordinal, 0});
}

void SlabCleanup::Step(std::uint32_t& budget) {
  if (draining_ && Run(*draining_, budget)) draining_.reset();
  while (!retired_.empty() && Run(retired_.back(), budget)) retired_.pop_back();
}

bool SlabCleanup::Run(Sweep& sweep, std::uint32_t& budget) {
  const SlabState state = slabs_.slab(sweep.ordinal).state;
  for (;;) {
    const Slab& slab = slabs_.slab(sweep.ordinal);
    // The last eviction cut a drained slab anew; its slots are no longer ours to sweep.
    if (slab.state != state) return true;
    const std::uint32_t slot = slab.bitmap.NextUsed(sweep.next_slot);
    if (slot >= slab.slots) return true;
    if (budget == 0) return false;
    NameSpace& ns = blocks_.name_space(classes_.slot_class(slab.class_id).name_space);
    const std::uint32_t id = slabs_.OwnerOf(sweep.ordinal, slot);
    sweep.next_slot = slot + 1;
    --budget;
    if (ns.index.entry(id).State() == BlockState::kSealed) blocks_.Vanish(ns, id);
  }
}

}  // namespace pega
