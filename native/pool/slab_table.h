// SlabTable: every slab of the pool: its file, its state, which slots are used and by which block.
//
//   absent ──fill──► free ──cut──► cut ──drain──► draining ──empty──► cut for another class
//                     ▲             │ empty
//                     └─────────────┘                 any ──file changed──► retired (for ever)
//
// A slot is named by its address; its index is its page ÷ the pages of a slot. *Held* slots are
// those of reserved and of pinned blocks: a slab with any can't be drained. It keeps books and
// marks; which slab serves whom is slot_classes.h's, blocks' lives are blocks.h's.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/slot_address.h"
#include "base/status.h"
#include "pool/lazy_array.h"
#include "pool/slot_bitmap.h"
#include "shared/mark_file.h"
#include "shared/slab_file.h"

namespace pega {

enum class SlabState : std::uint8_t { kAbsent, kFree, kCut, kDraining, kRetired };

struct Slab {
  SlabState state = SlabState::kAbsent;
  std::uint32_t class_id = 0;  // of a slab that is or was cut
  std::uint32_t slot_pages = 0;
  std::uint32_t slots = 0;
  std::uint32_t used = 0;
  std::uint32_t held = 0;        // of the used
  std::uint64_t last_touch = 0;  // the newest tick of an evictable block in it
  SlotBitmap bitmap;
  std::unique_ptr<SlabFile> file;
};

class SlabTable {
 public:
  // REQUIRES: marks outlives the table.
  static Result<std::unique_ptr<SlabTable>> Create(std::uint64_t slab_bytes,
                                                   std::uint32_t slabs_total, MarkFile& marks);

  void Add(std::uint32_t ordinal, std::unique_ptr<SlabFile> file);  // absent → free
  // Zeroes its marks and cuts it. REQUIRES: no slot of it is used.
  void Cut(std::uint32_t ordinal, std::uint32_t class_id, std::uint32_t slot_pages);
  void SetState(std::uint32_t ordinal, SlabState state);

  Slab& slab(std::uint32_t ordinal) { return slabs_[ordinal]; }
  const Slab& slab(std::uint32_t ordinal) const { return slabs_[ordinal]; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(slabs_.size()); }
  std::uint32_t slab_pages() const { return slab_pages_; }

  // True if a slab is draining or retired: only then need a hit's slabs be looked at.
  bool AnyLeaving() const { return leaving_ != 0; }
  bool Leaving(SlotAddress slot) const {
    const SlabState state = slabs_[slot.slab_ordinal].state;
    return state == SlabState::kDraining || state == SlabState::kRetired;
  }

  std::uint32_t IndexOf(SlotAddress slot) const {
    return slot.page / slabs_[slot.slab_ordinal].slot_pages;
  }
  SlotAddress AddressOf(std::uint32_t ordinal, std::uint32_t slot_index) const {
    return {ordinal, slot_index * slabs_[ordinal].slot_pages};
  }
  // A slot that was taken gets its block and a new generation, which is returned; it is held.
  std::uint64_t Own(SlotAddress slot, std::uint32_t block);
  std::uint32_t OwnerOf(std::uint32_t ordinal, std::uint32_t slot_index) const {
    return owners_[std::uint64_t{ordinal} * slab_pages_ + slot_index];
  }
  void MarkSealed(SlotAddress slot) { marks_.Seal(slot.slab_ordinal, IndexOf(slot)); }
  void Hold(SlotAddress slot) { ++slabs_[slot.slab_ordinal].held; }
  void Unhold(SlotAddress slot) { --slabs_[slot.slab_ordinal].held; }
  void Touch(SlotAddress slot, std::uint64_t tick) { slabs_[slot.slab_ordinal].last_touch = tick; }
  // Marks it unsealed and free. REQUIRES: not held.
  void Give(SlotAddress slot);

  const MarkFile& marks() const { return marks_; }

 private:
  explicit SlabTable(MarkFile& marks) : marks_(marks) {}

  MarkFile& marks_;
  std::vector<Slab> slabs_;
  LazyArray<std::uint32_t> owners_;  // block id of each used slot; slab_pages_ for each slab
  std::uint32_t slab_pages_ = 0;
  std::uint32_t leaving_ = 0;
};

}  // namespace pega
