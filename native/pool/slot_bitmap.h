// SlotBitmap: which slots of one slab are free; a bit is 1 while its slot is free.
//
// A summary has one bit for each word with a free slot, so that finding one in a full slab of
// 262,144 slots looks at 64 words at most.
#pragma once

#include <cstdint>
#include <vector>

namespace pega {

class SlotBitmap {
 public:
  void Reset(std::uint32_t slots);  // all free

  // The first free slot at or after `from`; slots() if there is none.
  std::uint32_t NextFree(std::uint32_t from) const;
  std::uint32_t NextUsed(std::uint32_t from) const;
  // Free slots in a row from `first`, counted up to `limit`.
  std::uint32_t FreeRun(std::uint32_t first, std::uint32_t limit) const;
  std::uint32_t LongestFreeRun() const;
  bool IsFree(std::uint32_t slot) const { return (words_[slot / 64] >> (slot % 64) & 1) != 0; }

  void Take(std::uint32_t first, std::uint32_t count);  // REQUIRES: free
  void Give(std::uint32_t slot);                        // REQUIRES: used

  std::uint32_t slots() const { return slots_; }
  std::uint32_t CountUsed() const;

 private:
  std::vector<std::uint64_t> words_;
  std::vector<std::uint64_t> summary_;
  std::uint32_t slots_ = 0;
};

}  // namespace pega
