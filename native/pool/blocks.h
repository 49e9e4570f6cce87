// Blocks: moves blocks through their states, and keeps index, slots, marks and counts in step.
//
//   Grant: reserved, slots held ──Seal──► sealed, on the recency list ──Evict──► gone
//             └──Abandon──► gone               ▲ Unpin │ Pin: off the list, slots held
//   A slab that leaves (draining or retired) takes its blocks with it: Gone() says so of a hit, and
//   Vanish() ends it; a pinned one is doomed and goes with its last pin.
//
// Who may do what (leases, reservations, limits) is decided above, in pool_leases.cc,
// pool_stores.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "pool/name_space.h"
#include "pool/slab_table.h"
#include "pool/slot_classes.h"

namespace pega {

struct BlockTotals {
  std::uint64_t reserved = 0, sealed = 0, abandoned = 0, evicted = 0, lost = 0;
};

class Blocks {
 public:
  // REQUIRES: all outlive it.
  Blocks(SlabTable& slabs, SlotClasses& classes) : slabs_(slabs), classes_(classes) {}

  // At its handle: the next one, or that of a namespace without blocks and engines, which goes.
  NameSpace& Put(std::unique_ptr<NameSpace> name_space);
  NameSpace& name_space(NamespaceHandle handle) { return *name_spaces_[handle]; }
  std::span<const std::unique_ptr<NameSpace>> name_spaces() const { return name_spaces_; }

  // Gives inserted entries their slots, rank by rank in runs; generations: ids × ranks.
  // REQUIRES: every class of the namespace has the free slots.
  void Grant(NameSpace& ns, std::span<const std::uint32_t> ids,
             std::span<std::uint64_t> generations);
  // False if the block was dropped instead, as its slab was retired.
  bool Seal(NameSpace& ns, std::uint32_t id, std::uint64_t tick);
  void Abandon(NameSpace& ns, std::uint32_t id);
  void Pin(NameSpace& ns, std::uint32_t id);
  void Unpin(NameSpace& ns, std::uint32_t id, std::uint64_t tick);
  void Touch(NameSpace& ns, std::uint32_t id,
             std::uint64_t tick);               // makes it the warmest, if on the list
  void Evict(NameSpace& ns, std::uint32_t id);  // REQUIRES: on the list

  bool Gone(const NameSpace& ns, std::uint32_t id) const {
    return slabs_.AnyLeaving() && InLeavingSlab(ns, id);
  }
  bool Found(const NameSpace& ns, std::uint32_t id) const {
    return id != kNoBlock && ns.index.entry(id).State() == BlockState::kSealed && !Gone(ns, id);
  }
  void Vanish(NameSpace& ns, std::uint32_t id);  // REQUIRES: sealed and gone

  const BlockTotals& totals() const { return totals_; }

 private:
  bool InLeavingSlab(const NameSpace& ns, std::uint32_t id) const;
  bool InRetiredSlab(const NameSpace& ns, std::uint32_t id) const;
  void Unhold(const NameSpace& ns, std::uint32_t id);
  void TouchSlabs(const NameSpace& ns, std::uint32_t id, std::uint64_t tick);
  void Free(NameSpace& ns, std::uint32_t id);

  SlabTable& slabs_;
  SlotClasses& classes_;
  std::vector<std::unique_ptr<NameSpace>> name_spaces_;
  BlockTotals totals_;
};

}  // namespace pega
