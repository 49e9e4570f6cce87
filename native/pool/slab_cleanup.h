// SlabCleanup: empties slabs that leave, a budget of blocks at a time.
//
// A draining slab (one at a time) loses its sealed blocks and then serves the class it was drained
// for. A retired slab loses them for good; blocks that are leased there go with their last lease,
// reserved ones when they are sealed or abandoned. Blocks still waiting here are not found any
// more: Blocks::Gone looks at the slab.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pool/blocks.h"

namespace pega {

class SlabCleanup {
 public:
  // REQUIRES: all outlive it.
  SlabCleanup(SlabTable& slabs, SlotClasses& classes, Blocks& blocks)
      : slabs_(slabs), classes_(classes), blocks_(blocks) {}

  bool draining() const { return draining_.has_value(); }
  // REQUIRES: !draining(), the slab is cut and holds no reserved or pinned block.
  void Drain(std::uint32_t ordinal, std::uint32_t for_class);
  void Retire(std::uint32_t ordinal);
  // Goes on with both; takes what it evicts from the budget.
  void Step(std::uint32_t& budget);

 private:
  struct Sweep {
    std::uint32_t ordinal = 0;
    std::uint32_t next_slot = 0;
  };
  bool Run(Sweep& sweep, std::uint32_t& budget);  // true at the end of the slab

  SlabTable& slabs_;
  SlotClasses& classes_;
  Blocks& blocks_;
  std::optional<Sweep> draining_;
  std::vector<Sweep> retired_;
};

}  // namespace pega
