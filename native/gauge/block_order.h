// The orders in which a job's blocks or slots lie: one run, runs of 16, or shuffled. From a seed,
// the same on every machine.
#pragma once

#include <cstdint>
#include <vector>

namespace pega::gauge {

enum class Order : std::uint8_t { kRun, kRuns16, kShuffled };

// A permutation of [0, count).
std::vector<std::uint32_t> MakeOrder(Order order, std::uint32_t count, std::uint64_t seed);

}  // namespace pega::gauge
