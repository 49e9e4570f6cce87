// PackedMatrix: seeded weights in the order in which the kernels read them, and the product with
// them.
//
//   weights (depth × columns) → panels of tile_columns columns: [panel][depth][tile_columns]
//   activations (rows × depth) → tiles of tile_rows rows:       [tile][depth][tile_rows]
//
// Columns are padded to whole panels with zero weights, rows to whole tiles, so that there is one
// kernel and no edge case. Several tensors side by side (Q, K, V) are parts of one matrix; each
// part starts at a panel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "reference/float_buffer.h"
#include "reference/kernels.h"
#include "reference/thread_team.h"

namespace pega {

constexpr std::size_t RoundUp(std::size_t n, std::size_t unit) {
  return (n + unit - 1) / unit * unit;
}

struct TensorSpec {
  std::uint64_t seed = 0;  // of this tensor
  std::size_t columns = 0;
  float scale = 1.0F;  // values are even between −scale and scale
};

class PackedMatrix {
 public:
  PackedMatrix() = default;
  // Values depend on seed, row and column alone. Not valid() when memory is missing.
  PackedMatrix(const Kernels& kernels, ThreadTeam& team, std::size_t depth,
               const std::vector<TensorSpec>& parts);

  bool valid() const { return weights_.valid(); }
  std::size_t depth() const { return depth_; }
  std::size_t padded_columns() const { return panels_ * tile_columns_; }
  std::size_t part_start(std::size_t part) const { return starts_[part]; }
  std::uint64_t digest() const { return digest_; }

  // c (padded rows × padded_columns, stride c_stride) = or += a (packed) × this.
  void Multiply(const Kernels& kernels, ThreadTeam& team, const float* a, std::size_t rows,
                float* c, std::size_t c_stride, bool add) const;

 private:
  FloatBuffer weights_;
  std::size_t depth_ = 0;
  std::size_t panels_ = 0;
  std::size_t tile_columns_ = 0;
  std::vector<std::size_t> starts_;
  std::uint64_t digest_ = 0;
};

}  // namespace pega
