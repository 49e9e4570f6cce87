// SlotSupply: makes room for new blocks of a namespace.
//
// In this order: free slots of the class; a free slab; then whichever is colder of the namespace's
// own coldest block and the coldest slab of another class. So no class can starve another: one that
// is idle loses slabs to one that works, and a class without a slab takes one even from warmer
// ones. A slab with reserved or pinned blocks is never taken. Emptying a slab is bounded by a
// budget; what is not empty by then is emptied by later calls (slab_cleanup.h), and meanwhile the
// own coldest block goes, or, where there is none, there is no room.
#pragma once

#include <cstdint>
#include <optional>

#include "pool/blocks.h"
#include "pool/slab_cleanup.h"

namespace pega {

class SlotSupply {
 public:
  // REQUIRES: all outlive it.
  SlotSupply(SlabTable& slabs, SlotClasses& classes, Blocks& blocks, SlabCleanup& cleanup)
      : slabs_(slabs), classes_(classes), blocks_(blocks), cleanup_(cleanup) {}

  // Makes room for up to `wanted` blocks; returns for how many there is. `budget`: blocks evicted
  // while draining; the namespace's own evictions have bounds of their own.
  std::uint32_t MakeRoom(NameSpace& ns, std::uint32_t wanted, std::uint32_t& budget);

 private:
  struct ColdSlab {
    std::uint32_t ordinal = 0;
    std::uint64_t tick = 0;
  };
  struct Request {
    NameSpace& ns;
    std::uint32_t class_id;
    std::uint32_t& drain_budget;
    std::uint32_t own_budget;
    std::uint32_t gone_budget;  // own blocks in a slab that leaves: their slots are no gain
    bool looked = false;  // for the coldest foreign slab: once a call, it is a walk over all slabs
    std::optional<ColdSlab> foreign = std::nullopt;
  };
  bool FreeOne(Request& request);
  bool TakeForeignSlab(Request& request);
  std::optional<ColdSlab> ColdestForeignSlab(std::uint32_t class_id) const;

  SlabTable& slabs_;
  SlotClasses& classes_;
  Blocks& blocks_;
  SlabCleanup& cleanup_;
};

}  // namespace pega
