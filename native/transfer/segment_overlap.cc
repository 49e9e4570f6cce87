#include "transfer/segment_overlap.h"

#include <algorithm>

namespace pega {
namespace {

using Wide = __int128;  // sums over 2^32 blocks of addresses below 2^64 stay below 2^97

Wide FloorDivide(Wide a, Wide b) {  // b > 0
  const Wide quotient = a / b;
  return a % b < 0 ? quotient - 1 : quotient;
}

Wide CeilDivide(Wide a, Wide b) { return -FloorDivide(-a, b); }

// Sum of floor((a·i + b) / m) for i in [0, n), by Euclid's steps: O(log m). a, b ≥ 0, m > 0.
Wide FloorSum(Wide n, Wide m, Wide a, Wide b) {
  Wide sum = 0;
  while (n > 0) {
    sum += (a / m) * (n * (n - 1) / 2) + (b / m) * n;
    a %= m;
    b %= m;
    const Wide last = a * n + b;
    if (last < m) break;
    n = last / m;
    b = last % m;
    std::swap(m, a);
  }
  return sum;
}

}  // namespace

// Piece i of `one` starts at x(i) = x0 + i·s, seen from the start of `other`. It touches piece j of
// `other` iff x(i) - bytes2 < j·t < x(i) + bytes1. Where the pieces j lie beyond [0, count) for all
// of i's candidates, i is left out; both ends rise with i, so what stays is one range of i, and
// there the number of touching pairs is a difference of two floor sums.
bool SegmentsOverlap(const StridedRun& one, const StridedRun& other, std::uint64_t count) {
  const Wide s = one.stride;
  const Wide t = other.stride;
  const Wide n = count;
  const Wide x0 = Wide{one.start} - Wide{other.start};
  // First i with x(i) + bytes1 > 0, last i with x(i) - bytes2 < (count - 1)·t.
  const Wide first = std::max<Wide>(0, FloorDivide(-x0 - Wide{one.bytes}, s) + 1);
  const Wide last = std::min<Wide>(n - 1, CeilDivide((n - 1) * t + Wide{other.bytes} - x0, s) - 1);
  if (first > last) return false;

  const Wide steps = last - first + 1;
  const Wide lift = CeilDivide(Wide{one.bytes} + Wide{other.bytes}, t) * t;  // keeps both sums ≥ 0
  const Wide x = x0 + first * s + lift;
  // Multiples of t below x(i) + bytes1, less those up to x(i) - bytes2.
  const Wide below = FloorSum(steps, t, s, x + Wide{one.bytes} + t - 1) - steps;
  const Wide up_to = FloorSum(steps, t, s, x - Wide{other.bytes});
  return below > up_to;
}

}  // namespace pega
