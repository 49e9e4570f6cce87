// SlotClasses: which slab serves which class, and which free slots a class hands out next.
//
// A class is (namespace, padded slot bytes). Free slots are handed out as runs, from where the last
// run ended (next fit), so that the blocks of a chain become neighbours. A slab that becomes empty
// leaves its class for the free list. A slab that is drained for a class is cut for that class as
// soon as it is empty, so nobody else can take it first.
#pragma once

#include <cstdint>
#include <vector>

#include "pool/slab_table.h"

namespace pega {

struct SlotClass {
  std::uint32_t name_space = 0;
  std::uint32_t slot_pages = 0;
  std::uint64_t free_slots = 0;
  std::vector<std::uint32_t> slabs;  // cut for it, not draining
  std::uint32_t cursor_slab = 0;  // index into slabs, and the slot there, where the search goes on
  std::uint32_t cursor_slot = 0;
};

struct SlotRun {
  std::uint32_t slab_ordinal = 0;
  std::uint32_t first = 0;  // slot index
  std::uint32_t count = 0;
};

class SlotClasses {
 public:
  explicit SlotClasses(SlabTable& slabs) : slabs_(slabs) {}

  std::uint32_t FindOrMake(std::uint32_t name_space, std::uint32_t slot_pages);
  const SlotClass& slot_class(std::uint32_t class_id) const { return classes_[class_id]; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(classes_.size()); }
  std::uint32_t free_slabs() const { return static_cast<std::uint32_t>(free_.size()); }

  void AddFree(std::uint32_t ordinal) { free_.push_back(ordinal); }
  bool CutFree(std::uint32_t class_id);  // false if no slab is free
  // Takes up to `want` free slots that are neighbours. REQUIRES: want > 0, the class has free
  // slots.
  SlotRun Take(std::uint32_t class_id, std::uint32_t want);
  // Frees a slot, and its slab when that was the last one.
  void Give(SlotAddress slot);

  // Takes a slab out of its class; its blocks must be evicted by the caller (slab_cleanup.h).
  void BeginDrain(std::uint32_t ordinal, std::uint32_t for_class);
  // Takes a slab out of all use, whatever it is used for.
  void Retire(std::uint32_t ordinal);

 private:
  void Join(std::uint32_t ordinal, std::uint32_t class_id);
  void Leave(std::uint32_t ordinal);
  void Advance(SlotClass& slot_class);

  SlabTable& slabs_;
  std::vector<SlotClass> classes_;
  std::vector<std::uint32_t> free_;
  std::uint32_t drained_for_ = 0;  // class; one slab is drained at a time
};

}  // namespace pega
