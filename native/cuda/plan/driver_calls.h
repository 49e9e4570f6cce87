// What a piece costs in calls of the driver, as the device makes them. The planner counts by it.
#pragma once

#include <cstdint>

namespace pega::cuda {

inline constexpr std::uint64_t kCallsPerCopy = 1;
// A kernel, and record and wait between a lane's two streams, both ways.
inline constexpr std::uint64_t kCallsPerChunk = 1 + 4;
// The event at a piece's end, and at most two waits before its start.
inline constexpr std::uint64_t kCallsPerPiece = 1 + 2;

}  // namespace pega::cuda
