// BlockHash: a block's hash, padded with zeroes to the longest there is, and where it belongs in a
// table.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/limits.h"

namespace pega {

struct BlockHash {
  std::array<std::uint64_t, kHashBytesMax / 8> words{};

  static BlockHash Of(std::span<const std::uint8_t> bytes) {
    BlockHash hash;
    std::memcpy(hash.words.data(), bytes.data(), bytes.size());
    return hash;
  }
  friend bool operator==(const BlockHash&, const BlockHash&) = default;

  // 32 bits that depend on every bit of the hash. Engines choose hashes (often SHA-256, but plain
  // counters too), so they are mixed, with a seed that they don't know.
  std::uint32_t Mix(std::uint64_t seed) const {
    std::uint64_t mixed = seed;
    for (const std::uint64_t word : words) {
      __extension__ using Wide = unsigned __int128;
      const Wide product =
          static_cast<Wide>(mixed ^ word ^ 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u;
      mixed = static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    }
    return static_cast<std::uint32_t>(mixed ^ (mixed >> 32));
  }
};

}  // namespace pega
