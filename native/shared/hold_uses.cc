#include "shared/hold_uses.h"

namespace pega {

bool HoldUses::Matches(std::span<const SlotAddress> slots, std::uint32_t slot_pages) const {
  for (const SlotAddress slot : slots) {
    const auto use = uses_.find(KeyOf(slot));
    if (use != uses_.end() && use->second.slot_pages != slot_pages) return false;
  }
  return true;
}

std::vector<SlotAddress> HoldUses::Add(std::span<const SlotAddress> slots,
                                       std::uint32_t slot_pages) {
  std::vector<SlotAddress> begun;
  begun.reserve(slots.size());
  for (const SlotAddress slot : slots) {
    Use& use = uses_[KeyOf(slot)];
    if (use.count++ > 0) continue;
    use.slot_pages = slot_pages;
    held_pages_ += slot_pages;
    begun.push_back(slot);
  }
  return begun;
}

bool HoldUses::Take(std::span<const SlotAddress> slots, std::vector<SlotAddress>& ended) {
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const auto use = uses_.find(KeyOf(slots[i]));
    if (use != uses_.end() && use->second.count > 0) {
      --use->second.count;
      continue;
    }
    for (const SlotAddress taken : slots.first(i)) ++uses_.find(KeyOf(taken))->second.count;
    return false;
  }
  ended.clear();
  for (const SlotAddress slot : slots) {
    const auto use = uses_.find(KeyOf(slot));
    if (use == uses_.end() || use->second.count > 0) continue;
    held_pages_ -= use->second.slot_pages;
    uses_.erase(use);
    ended.push_back(slot);
  }
  return true;
}

}  // namespace pega
