// The kernels with AVX2 and FMA: tiles of 6 × 16 in 12 registers.
#include "reference/kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cmath>

#pragma GCC push_options
#pragma GCC target("avx2,fma")

namespace pega::avx2 {
namespace {

struct Vec {
  __m256 lo;
  __m256 hi;
  static Vec Of(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static Vec Load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  void Store(float* p) const {
    _mm256_storeu_ps(p, lo);
    _mm256_storeu_ps(p + 8, hi);
  }
  Vec BottomBitsAsExponent() const {
    return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(lo), 23)),
            _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(hi), 23))};
  }
};
inline Vec Fma(Vec a, Vec b, Vec c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
inline Vec Add(Vec a, Vec b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
inline Vec Sub(Vec a, Vec b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
inline Vec Mul(Vec a, Vec b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
inline Vec Div(Vec a, Vec b) { return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)}; }
inline Vec Max(Vec a, Vec b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }

inline constexpr std::size_t kRows = 6;
inline constexpr std::size_t kVecs = 1;
#include "reference/kernels_body.inc"

}  // namespace
}  // namespace pega::avx2

#pragma GCC pop_options

const pega::Kernels* pega::Avx2Kernels() {
  static const Kernels table = avx2::Table("avx2");
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &table : nullptr;
}

#else

const pega::Kernels* pega::Avx2Kernels() { return nullptr; }

#endif
