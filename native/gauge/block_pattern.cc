#include "gauge/block_pattern.h"

#include <algorithm>
#include <cstring>

namespace pega::gauge {
namespace {

constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15;  // odd: no word of a segment comes twice

std::uint64_t Mixed(std::uint64_t word) {  // splitmix64
  word += kStep;
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
  word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
  return word ^ (word >> 31);
}

}  // namespace

std::uint64_t PatternStart(std::uint64_t seed, std::uint64_t key, std::uint32_t layer) {
  return Mixed(Mixed(Mixed(seed) ^ key) ^ layer);
}

void WritePattern(std::uint64_t start, std::span<std::byte> segment) {
  std::uint64_t word = start;
  for (std::size_t at = 0; at < segment.size(); at += sizeof(word), word += kStep) {
    std::memcpy(segment.data() + at, &word, sizeof(word));
  }
}

std::optional<std::uint64_t> FindWrongWord(std::uint64_t start,
                                           std::span<const std::byte> segment) {
  // Strides without a branch, so that the compiler can use wide registers.
  constexpr std::size_t kStride = 4096;
  const auto differs = [&](std::size_t at, std::size_t end) {
    std::uint64_t word = start + at / sizeof(start) * kStep;
    std::uint64_t difference = 0;
    for (; at < end; at += sizeof(word), word += kStep) {
      std::uint64_t found = 0;
      std::memcpy(&found, segment.data() + at, sizeof(found));
      difference |= found ^ word;
    }
    return difference != 0;
  };
  for (std::size_t first = 0; first < segment.size(); first += kStride) {
    const std::size_t end = std::min(segment.size(), first + kStride);
    if (!differs(first, end)) continue;
    for (std::size_t at = first; at < end; at += sizeof(start)) {
      if (differs(at, at + sizeof(start))) return at;
    }
  }
  return std::nullopt;
}

}  // namespace pega::gauge
