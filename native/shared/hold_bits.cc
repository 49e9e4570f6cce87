#include "shared/hold_bits.h"

#include <algorithm>
#include <atomic>

namespace pega {
namespace {

constexpr std::uint64_t kAllBits = ~std::uint64_t{0};

// Calls change(word, mask) for each word that the range touches.
template <typename Change>
void ForEachWord(std::uint64_t* words, std::uint64_t first, std::uint64_t count, Change change) {
  const std::uint64_t end = first + count;
  while (first < end) {
    const std::uint64_t bit = first % 64;
    const std::uint64_t bits = std::min(end - first, 64 - bit);
    const std::uint64_t mask = (bits == 64 ? kAllBits : (std::uint64_t{1} << bits) - 1) << bit;
    change(std::atomic_ref<std::uint64_t>(words[first / 64]), mask);
    first += bits;
  }
}

}  // namespace

void SetBits(std::uint64_t* words, std::uint64_t first, std::uint64_t count) {
  ForEachWord(words, first, count, [](std::atomic_ref<std::uint64_t> word, std::uint64_t mask) {
    if (mask == kAllBits) {
      word.store(kAllBits, std::memory_order_release);
    } else {
      word.fetch_or(mask, std::memory_order_acq_rel);
    }
  });
}

void ClearBits(std::uint64_t* words, std::uint64_t first, std::uint64_t count) {
  ForEachWord(words, first, count, [](std::atomic_ref<std::uint64_t> word, std::uint64_t mask) {
    if (mask == kAllBits) {
      word.store(0, std::memory_order_release);
    } else {
      word.fetch_and(~mask, std::memory_order_acq_rel);
    }
  });
}

}  // namespace pega
