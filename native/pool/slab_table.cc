#include "pool/slab_table.h"

#include <cassert>

namespace pega {

Result<std::unique_ptr<SlabTable>> SlabTable::Create(std::uint64_t slab_bytes,
                                                     std::uint32_t slabs_total, MarkFile& marks) {
  std::unique_ptr<SlabTable> table(new SlabTable(marks));
  table->slab_pages_ = static_cast<std::uint32_t>(slab_bytes / kPageBytes);
  Result<LazyArray<std::uint32_t>> owners =
      LazyArray<std::uint32_t>::Of(std::uint64_t{table->slab_pages_} * slabs_total);
  if (!owners.ok()) return owners.status();
  table->owners_ = std::move(owners).value();
  table->slabs_.resize(slabs_total);
  return table;
}

void SlabTable::Add(std::uint32_t ordinal, std::unique_ptr<SlabFile> file) {
  slabs_[ordinal].file = std::move(file);
  SetState(ordinal, SlabState::kFree);
}

void SlabTable::Cut(std::uint32_t ordinal, std::uint32_t class_id, std::uint32_t slot_pages) {
  Slab& slab = slabs_[ordinal];
  assert(slab.used == 0 && slab.held == 0);
  marks_.ClearSlab(ordinal);
  slab.class_id = class_id;
  slab.slot_pages = slot_pages;
  slab.slots = slab_pages_ / slot_pages;
  slab.last_touch = 0;
  slab.bitmap.Reset(slab.slots);
  SetState(ordinal, SlabState::kCut);
}

void SlabTable::SetState(std::uint32_t ordinal, SlabState state) {
  const auto leaving = [](SlabState s) {
    return s == SlabState::kDraining || s == SlabState::kRetired ? 1u : 0u;
  };
  leaving_ += leaving(state);
  leaving_ -= leaving(slabs_[ordinal].state);
  slabs_[ordinal].state = state;
}

std::uint64_t SlabTable::Own(SlotAddress slot, std::uint32_t block) {
  const std::uint32_t slot_index = IndexOf(slot);
  owners_[std::uint64_t{slot.slab_ordinal} * slab_pages_ + slot_index] = block;
  Hold(slot);
  return marks_.Reserve(slot.slab_ordinal, slot_index);
}

void SlabTable::Give(SlotAddress slot) {
  Slab& slab = slabs_[slot.slab_ordinal];
  const std::uint32_t slot_index = IndexOf(slot);
  assert(!slab.bitmap.IsFree(slot_index));
  marks_.Unseal(slot.slab_ordinal, slot_index);
  slab.bitmap.Give(slot_index);
  --slab.used;
}

}  // namespace pega
