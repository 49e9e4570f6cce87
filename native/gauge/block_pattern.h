// The bytes that copies are checked by: every 8-byte word of every segment has a value of its own,
// which follows from a seed, the block's key, the layer and the word's place.
//
// Words rise by a constant within a segment, so that writing and comparing run at memory speed, from
// a start that is mixed, so that a segment at a wrong place is never right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace pega::gauge {

std::uint64_t PatternStart(std::uint64_t seed, std::uint64_t key, std::uint32_t layer);

// REQUIRES for both: whole words, aligned to them.
void WritePattern(std::uint64_t start, std::span<std::byte> segment);
// Offset of the first byte of the first word that is wrong.
std::optional<std::uint64_t> FindWrongWord(std::uint64_t start, std::span<const std::byte> segment);

}  // namespace pega::gauge
