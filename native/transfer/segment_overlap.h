// SegmentsOverlap: do two strided runs of equal length share a byte?
//
// Exact and fast for any strides: layouts may interleave (K and V split within one allocation, all
// layers of a block side by side), so comparing whole ranges would refuse good ones. Used by
// BlockLayout::Create alone.
#pragma once

#include <cstdint>

namespace pega {

struct StridedRun {  // [start + i × stride, … + bytes) for i in [0, count)
  std::uint64_t start = 0;
  std::uint64_t stride = 0;
  std::uint64_t bytes = 0;
};

// REQUIRES: 1 ≤ bytes ≤ stride in both, 1 ≤ count ≤ 2^32, and no run ends beyond 2^64.
bool SegmentsOverlap(const StridedRun& one, const StridedRun& other, std::uint64_t count);

}  // namespace pega
