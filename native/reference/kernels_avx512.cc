// The kernels with AVX-512: tiles of 12 × 32 in 24 registers.
#include "reference/kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cmath>

#pragma GCC push_options
#pragma GCC target("avx512f,avx2,fma")

namespace pega::avx512 {
namespace {

struct Vec {
  __m512 v;
  static Vec Of(float x) { return {_mm512_set1_ps(x)}; }
  static Vec Load(const float* p) { return {_mm512_loadu_ps(p)}; }
  void Store(float* p) const { _mm512_storeu_ps(p, v); }
  Vec BottomBitsAsExponent() const {
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(v), 23))};
  }
};
inline Vec Fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline Vec Add(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Vec Sub(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Vec Mul(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Vec Div(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
inline Vec Max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }

inline constexpr std::size_t kRows = 12;
inline constexpr std::size_t kVecs = 2;
#include "reference/kernels_body.inc"

}  // namespace
}  // namespace pega::avx512

#pragma GCC pop_options

const pega::Kernels* pega::Avx512Kernels() {
  static const Kernels table = avx512::Table("avx512f");
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("fma") ? &table : nullptr;
}

#else

const pega::Kernels* pega::Avx512Kernels() { return nullptr; }

#endif
