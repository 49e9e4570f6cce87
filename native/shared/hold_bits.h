// Ranges of bits in shared 64-bit words. Slots of fewer than 64 pages share words, so every change
// is an atomic operation on whole words. Little-endian, so that bit b is bit b % 8 of byte b / 8.
#pragma once

#include <bit>
#include <cstdint>

namespace pega {

static_assert(std::endian::native == std::endian::little);

// REQUIRES: the words of [first, first + count) exist.
void SetBits(std::uint64_t* words, std::uint64_t first, std::uint64_t count);
void ClearBits(std::uint64_t* words, std::uint64_t first, std::uint64_t count);

}  // namespace pega
