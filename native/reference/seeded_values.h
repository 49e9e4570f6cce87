// Numbers from a seed and a place (splitmix64): the same on every machine and in any order.
#pragma once

#include <bit>
#include <cstdint>

namespace pega {

constexpr std::uint64_t Mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

// Even in [−1, 1): 24 bits, so that the float is exact.
constexpr float SeededValue(std::uint64_t seed, std::uint64_t index) {
  const std::uint64_t bits = Mix(seed + (index + 1) * 0x9E3779B97F4A7C15U) >> 40;
  return static_cast<float>(static_cast<std::int64_t>(bits) - (1 << 23)) * (1.0F / (1 << 23));
}

// One value's share in a digest: a sum of these does not depend on the order of the values.
constexpr std::uint64_t DigestShare(float value, std::uint64_t index) {
  return (std::uint64_t{std::bit_cast<std::uint32_t>(value)} + 1) * (2 * index + 1);
}

}  // namespace pega
