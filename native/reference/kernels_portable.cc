// The kernels in plain C++, for machines without the wider instructions. std::fma keeps their bits
// equal to the others'; where the CPU has no such instruction it is slow.
#include <bit>
#include <cmath>

#include "reference/kernels.h"

namespace pega::portable {
namespace {

struct Vec {
  float lane[kLanes];
  static Vec Of(float x) {
    Vec out;
    for (float& lane : out.lane) lane = x;
    return out;
  }
  static Vec Load(const float* p) {
    Vec out;
    for (std::size_t i = 0; i < kLanes; ++i) out.lane[i] = p[i];
    return out;
  }
  void Store(float* p) const {
    for (std::size_t i = 0; i < kLanes; ++i) p[i] = lane[i];
  }
  Vec BottomBitsAsExponent() const {
    Vec out;
    for (std::size_t i = 0; i < kLanes; ++i) {
      out.lane[i] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(lane[i]) << 23);
    }
    return out;
  }
};

template <typename Operation>
inline Vec Each(Vec a, Vec b, Operation operation) {
  for (std::size_t i = 0; i < kLanes; ++i) a.lane[i] = operation(a.lane[i], b.lane[i]);
  return a;
}

inline Vec Fma(Vec a, Vec b, Vec c) {
  for (std::size_t i = 0; i < kLanes; ++i) c.lane[i] = std::fma(a.lane[i], b.lane[i], c.lane[i]);
  return c;
}
inline Vec Add(Vec a, Vec b) {
  return Each(a, b, [](float x, float y) { return x + y; });
}
inline Vec Sub(Vec a, Vec b) {
  return Each(a, b, [](float x, float y) { return x - y; });
}
inline Vec Mul(Vec a, Vec b) {
  return Each(a, b, [](float x, float y) { return x * y; });
}
inline Vec Div(Vec a, Vec b) {
  return Each(a, b, [](float x, float y) { return x / y; });
}
inline Vec Max(Vec a, Vec b) {
  return Each(a, b, [](float x, float y) { return x > y ? x : y; });
}

inline constexpr std::size_t kRows = 4;
inline constexpr std::size_t kVecs = 1;
#include "reference/kernels_body.inc"

}  // namespace
}  // namespace pega::portable

const pega::Kernels& pega::PortableKernels() {
  static const Kernels table = portable::Table("portable");
  return table;
}
