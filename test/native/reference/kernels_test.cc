// Each kernel against the plain formula in double precision.
#include "reference/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "reference/seeded_values.h"

namespace pega {
namespace {

std::vector<float> Values(std::size_t count, std::uint64_t seed, float scale = 1.0F) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = SeededValue(seed, i) * scale;
  return values;
}

class Kernel : public testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& kernels = *GetParam();
  const std::size_t rows = kernels.tile_rows;
  const std::size_t columns = kernels.tile_columns;
};

INSTANTIATE_TEST_SUITE_P(All, Kernel, testing::ValuesIn(AllKernels().begin(), AllKernels().end()),
                         [](const auto& tested) { return std::string(tested.param->name); });

TEST_P(Kernel, GemmPanelStoresOrAdds) {
  constexpr std::size_t kDepth = 37;
  const auto a = Values(2 * rows * kDepth, 1);
  const auto b = Values(kDepth * columns, 2);
  std::vector<float> c(2 * rows * columns, 5.0F);
  GemmPanelWork work{.a = a.data(),
                     .row_tiles = 2,
                     .depth = kDepth,
                     .b = b.data(),
                     .c = c.data(),
                     .c_stride = columns};
  kernels.gemm_panel(work);
  work.add = true;
  kernels.gemm_panel(work);
  for (std::size_t i = 0; i < 2 * rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < kDepth; ++k) {
        sum += double{a[i / rows * rows * kDepth + k * rows + i % rows]} * b[k * columns + j];
      }
      ASSERT_NEAR(c[i * columns + j], 2 * sum, 1e-4);
    }
  }
}

TEST_P(Kernel, NormRowIsRmsNorm) {
  constexpr std::size_t kDepth = 21;  // padded with zeros to whole vectors
  auto x = Values(kDepth, 3, 4.0F);
  auto gain = Values(kDepth, 4);
  x.resize(32);
  gain.resize(32);
  std::vector<float> out(kDepth * rows, -7.0F);
  kernels.norm_row(x.data(), gain.data(), kDepth, out.data());
  double squares = 0;
  for (const float value : x) squares += double{value} * value;
  for (std::size_t k = 0; k < kDepth; ++k) {
    ASSERT_NEAR(out[k * rows], x[k] / std::sqrt(squares / kDepth + 1e-5) * gain[k], 1e-5);
    if (k + 1 < kDepth) {
      ASSERT_EQ(out[k * rows + 1], -7.0F);  // other rows of the tile
    }
  }
}

TEST_P(Kernel, SwigluRowIsSiluTimesUp) {
  std::vector<float> gate = Values(30, 5, 20.0F);
  gate.push_back(-500.0F);
  gate.push_back(500.0F);
  const auto up = Values(32, 6);
  std::vector<float> out(32 * rows);
  kernels.swiglu_row(gate.data(), up.data(), 32, out.data());
  for (std::size_t k = 0; k < 32; ++k) {
    const double expected = gate[k] / (1 + std::exp(-double{gate[k]})) * up[k];
    ASSERT_NEAR(out[k * rows], expected, 2e-6 * (1 + std::abs(expected)));
  }
}

// Two tiles in a row: the second one rescales what the first has gathered.
TEST_P(Kernel, AttendTileIsSoftmaxOverVisibleKeys) {
  const std::size_t dim = columns;
  constexpr std::size_t kTiles = 2;
  const auto queries = Values(dim * rows, 7, 2.0F);
  const auto keys = Values(kTiles * kKeyTile * dim, 8, 2.0F);
  const auto values = Values(kTiles * kKeyTile * dim, 9);
  std::vector<float> scores(rows * kKeyTile), out(rows * dim), row_max(rows, kNoScore), sum(rows);
  std::vector<std::uint32_t> visible(rows, kKeyTile);
  for (std::size_t tile = 0; tile < kTiles; ++tile) {
    for (std::size_t i = 0; tile == 1 && i < rows; ++i) {
      visible[i] = static_cast<std::uint32_t>(1 + i * 10);
    }
    kernels.attend_tile({.queries = queries.data(),
                         .keys = keys.data() + tile * kKeyTile * dim,
                         .values = values.data() + tile * kKeyTile * dim,
                         .head_dim = dim,
                         .head_dim_padded = dim,
                         .visible = visible.data(),
                         .scores = scores.data(),
                         .out = out.data(),
                         .row_max = row_max.data(),
                         .row_sum = sum.data()});
  }
  for (std::size_t i = 0; i < rows; ++i) {
    double total = 0;
    std::vector<double> expected(dim);
    for (std::size_t key = 0; key < kKeyTile + visible[i]; ++key) {
      const float* tile = keys.data() + key / kKeyTile * kKeyTile * dim;
      const std::size_t k = key % kKeyTile;
      double score = 0;
      for (std::size_t d = 0; d < dim; ++d) {
        score += double{queries[d * rows + i]} *
                 tile[k / columns * columns * dim + d * columns + k % columns];
      }
      const double weight = std::exp(score);
      total += weight;
      for (std::size_t d = 0; d < dim; ++d) {
        expected[d] += weight * values[key / kKeyTile * kKeyTile * dim + k * columns + d];
      }
    }
    for (std::size_t d = 0; d < dim; ++d) {
      ASSERT_NEAR(out[i * dim + d] / sum[i], expected[d] / total, 2e-5) << i << " " << d;
    }
  }
}

}  // namespace
}  // namespace pega
