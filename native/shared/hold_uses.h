// HoldUses: how many uses each slot has, loads and stores together (PROTOCOL §3).
//
// Says which slots begin and end to be used; the bits are its caller's. Not for concurrent use.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/slot_address.h"

namespace pega {

class HoldUses {
 public:
  // False if a slot is in use with another size; nothing has changed then.
  bool Matches(std::span<const SlotAddress> slots, std::uint32_t slot_pages) const;
  // Adds one use to each; returns those that had none. REQUIRES: Matches.
  std::vector<SlotAddress> Add(std::span<const SlotAddress> slots, std::uint32_t slot_pages);
  // Takes one use from each and writes those that have none left to `ended`. False, and nothing has
  // changed, if a slot has fewer uses than it occurs here.
  bool Take(std::span<const SlotAddress> slots, std::vector<SlotAddress>& ended);

  std::uint64_t held_pages() const { return held_pages_; }

 private:
  struct Use {
    std::uint32_t count = 0;
    std::uint32_t slot_pages = 0;
  };
  static std::uint64_t KeyOf(SlotAddress slot) {
    return std::uint64_t{slot.slab_ordinal} << 32 | slot.page;
  }

  std::unordered_map<std::uint64_t, Use> uses_;
  std::uint64_t held_pages_ = 0;
};

}  // namespace pega
