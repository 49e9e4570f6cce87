#include "pool/slot_classes.h"

#include <algorithm>
#include <cassert>

namespace pega {

namespace {
// Runs looked at before the longest of them is taken: bounds the search in a fragmented class.
constexpr int kRunsExamined = 16;
}  // namespace

std::uint32_t SlotClasses::FindOrMake(std::uint32_t name_space, std::uint32_t slot_pages) {
  for (std::uint32_t id = 0; id < classes_.size(); ++id) {
    if (classes_[id].name_space == name_space && classes_[id].slot_pages == slot_pages) return id;
  }
  SlotClass made;
  made.name_space = name_space;
  made.slot_pages = slot_pages;
  classes_.push_back(std::move(made));
  return size() - 1;
}

bool SlotClasses::CutFree(std::uint32_t class_id) {
  if (free_.empty()) return false;
  const std::uint32_t ordinal = free_.back();
  free_.pop_back();
  Join(ordinal, class_id);
  return true;
}

SlotRun SlotClasses::Take(std::uint32_t class_id, std::uint32_t want) {
  SlotClass& from = classes_[class_id];
  assert(want > 0 && from.free_slots > 0);
  SlotRun best;
  std::uint32_t best_cursor_slab = 0;
  // One round over the class meets every free slot: the last part of the slab where it began too.
  const std::size_t visits_max = from.slabs.size() + 1;
  int examined = 0;
  for (std::size_t visits = 0; visits < visits_max && examined < kRunsExamined;) {
    if (from.cursor_slab >= from.slabs.size()) from.cursor_slab = 0;
    const std::uint32_t ordinal = from.slabs[from.cursor_slab];
    Slab& slab = slabs_.slab(ordinal);
    const std::uint32_t first =
        slab.used == slab.slots ? slab.slots : slab.bitmap.NextFree(from.cursor_slot);
    if (first >= slab.slots) {
      Advance(from);
      ++visits;
      continue;
    }
    const std::uint32_t run = slab.bitmap.FreeRun(first, want);
    if (run > best.count) {
      best = {ordinal, first, run};
      best_cursor_slab = from.cursor_slab;
    }
    from.cursor_slot = first + run;
    ++examined;
    if (run == want) break;
  }
  assert(best.count > 0);
  Slab& slab = slabs_.slab(best.slab_ordinal);
  slab.bitmap.Take(best.first, best.count);
  slab.used += best.count;
  from.free_slots -= best.count;
  from.cursor_slab = best_cursor_slab;
  from.cursor_slot = best.first + best.count;
  return best;
}

void SlotClasses::Advance(SlotClass& slot_class) {
  slot_class.cursor_slot = 0;
  ++slot_class.cursor_slab;
}

void SlotClasses::Give(SlotAddress slot) {
  const std::uint32_t ordinal = slot.slab_ordinal;
  slabs_.Give(slot);
  Slab& slab = slabs_.slab(ordinal);
  switch (slab.state) {
    case SlabState::kCut:
      ++classes_[slab.class_id].free_slots;
      if (slab.used > 0) return;
      Leave(ordinal);
      slabs_.SetState(ordinal, SlabState::kFree);
      free_.push_back(ordinal);
      return;
    case SlabState::kDraining:
      if (slab.used == 0) Join(ordinal, drained_for_);
      return;
    case SlabState::kRetired:
    case SlabState::kFree:
    case SlabState::kAbsent: return;
  }
}

void SlotClasses::BeginDrain(std::uint32_t ordinal, std::uint32_t for_class) {
  Leave(ordinal);
  drained_for_ = for_class;
  slabs_.SetState(ordinal, SlabState::kDraining);
  if (slabs_.slab(ordinal).used == 0) Join(ordinal, for_class);
}

void SlotClasses::Retire(std::uint32_t ordinal) {
  const SlabState state = slabs_.slab(ordinal).state;
  if (state == SlabState::kCut) Leave(ordinal);
  if (state == SlabState::kFree) std::erase(free_, ordinal);
  slabs_.SetState(ordinal, SlabState::kRetired);
}

void SlotClasses::Join(std::uint32_t ordinal, std::uint32_t class_id) {
  SlotClass& joined = classes_[class_id];
  slabs_.Cut(ordinal, class_id, joined.slot_pages);
  joined.slabs.push_back(ordinal);
  joined.free_slots += slabs_.slab(ordinal).slots;
  joined.cursor_slab = static_cast<std::uint32_t>(joined.slabs.size() - 1);  // the longest run
  joined.cursor_slot = 0;
}

void SlotClasses::Leave(std::uint32_t ordinal) {
  const Slab& slab = slabs_.slab(ordinal);
  SlotClass& left = classes_[slab.class_id];
  left.free_slots -= slab.slots - slab.used;
  std::erase(left.slabs, ordinal);
  left.cursor_slab = 0;
  left.cursor_slot = 0;
}

}  // namespace pega
