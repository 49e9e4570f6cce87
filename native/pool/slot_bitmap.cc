#include "pool/slot_bitmap.h"

#include <algorithm>
#include <bit>

namespace pega {

namespace {

constexpr std::uint64_t kAll = ~std::uint64_t{0};

// The first `count` bits set.
constexpr std::uint64_t LowBits(std::uint32_t count) {
  return count >= 64 ? kAll : (std::uint64_t{1} << count) - 1;
}

// Sets the first `count` bits of a vector of words.
void Fill(std::vector<std::uint64_t>& words, std::uint32_t count) {
  words.assign((count + 63) / 64, kAll);
  if (count % 64 != 0) words.back() = LowBits(count % 64);
}

}  // namespace

void SlotBitmap::Reset(std::uint32_t slots) {
  slots_ = slots;
  Fill(words_, slots);
  Fill(summary_, static_cast<std::uint32_t>(words_.size()));
}

std::uint32_t SlotBitmap::NextFree(std::uint32_t from) const {
  if (from >= slots_) return slots_;
  const std::uint32_t first_word = from / 64;
  const std::uint64_t here = words_[first_word] & ~LowBits(from % 64);
  if (here != 0) return first_word * 64 + std::countr_zero(here);
  const std::uint32_t next = first_word + 1;
  if (next >= words_.size()) return slots_;
  std::uint64_t mask = ~LowBits(next % 64);
  for (std::uint32_t group = next / 64; group < summary_.size(); ++group, mask = kAll) {
    const std::uint64_t words_with_free = summary_[group] & mask;
    if (words_with_free == 0) continue;
    const std::uint32_t word = group * 64 + std::countr_zero(words_with_free);
    return word * 64 + std::countr_zero(words_[word]);
  }
  return slots_;
}

std::uint32_t SlotBitmap::NextUsed(std::uint32_t from) const {
  std::uint32_t word = from / 64;
  if (from >= slots_) return slots_;
  std::uint64_t used = ~words_[word] & ~LowBits(from % 64);
  while (used == 0) {
    if (++word >= words_.size()) return slots_;
    used = ~words_[word];
  }
  return std::min<std::uint32_t>(word * 64 + std::countr_zero(used), slots_);
}

std::uint32_t SlotBitmap::FreeRun(std::uint32_t first, std::uint32_t limit) const {
  std::uint32_t run = 0;
  while (run < limit && first + run < slots_) {
    const std::uint32_t slot = first + run;
    const std::uint32_t ones = std::countr_one(words_[slot / 64] >> (slot % 64));
    if (ones == 0) break;
    run += std::min(ones, 64 - slot % 64);
    if ((slot % 64) + ones < 64) break;
  }
  return std::min(run, limit);
}

std::uint32_t SlotBitmap::LongestFreeRun() const {
  std::uint32_t longest = 0;
  for (std::uint32_t at = NextFree(0); at < slots_;) {
    const std::uint32_t run = FreeRun(at, slots_);
    longest = std::max(longest, run);
    at = NextFree(at + run);
  }
  return longest;
}

void SlotBitmap::Take(std::uint32_t first, std::uint32_t count) {
  while (count > 0) {
    const std::uint32_t bit = first % 64;
    const std::uint32_t here = std::min(count, 64 - bit);
    std::uint64_t& word = words_[first / 64];
    word &= ~(LowBits(here) << bit);
    if (word == 0) summary_[first / 4096] &= ~(std::uint64_t{1} << (first / 64 % 64));
    first += here;
    count -= here;
  }
}

void SlotBitmap::Give(std::uint32_t slot) {
  words_[slot / 64] |= std::uint64_t{1} << (slot % 64);
  summary_[slot / 4096] |= std::uint64_t{1} << (slot / 64 % 64);
}

std::uint32_t SlotBitmap::CountUsed() const {
  std::uint32_t free = 0;
  for (const std::uint64_t word : words_) free += std::popcount(word);
  return slots_ - free;
}

}  // namespace pega
