#include "reference/packed_matrix.h"

#include <atomic>

#include "reference/seeded_values.h"

namespace pega {

PackedMatrix::PackedMatrix(const Kernels& kernels, ThreadTeam& team, std::size_t depth,
                           const std::vector<TensorSpec>& parts)
    : depth_(depth), tile_columns_(kernels.tile_columns) {
  struct Panel {
    const TensorSpec* part;
    std::size_t first_column;  // in the part
  };
  std::vector<Panel> panels;
  for (const TensorSpec& part : parts) {
    starts_.push_back(panels.size() * tile_columns_);
    for (std::size_t column = 0; column < part.columns; column += tile_columns_) {
      panels.push_back({&part, column});
    }
  }
  panels_ = panels.size();
  weights_ = FloatBuffer(panels_ * depth_ * tile_columns_);
  if (!valid()) return;

  std::atomic<std::uint64_t> digest{0};
  team.Run(panels_, [&](std::size_t index, std::size_t) {
    const Panel& panel = panels[index];
    const TensorSpec& part = *panel.part;
    float* out = weights_.get() + index * depth_ * tile_columns_;
    std::uint64_t share = 0;
    for (std::size_t row = 0; row < depth_; ++row) {
      for (std::size_t i = 0; i < tile_columns_ && panel.first_column + i < part.columns; ++i) {
        const std::uint64_t place = row * part.columns + panel.first_column + i;
        const float value = SeededValue(part.seed, place) * part.scale;
        out[row * tile_columns_ + i] = value;
        share += DigestShare(value, part.seed + place);
      }
    }
    digest.fetch_add(share, std::memory_order_relaxed);
  });
  digest_ = digest.load();
}

void PackedMatrix::Multiply(const Kernels& kernels, ThreadTeam& team, const float* a,
                            std::size_t rows, float* c, std::size_t c_stride, bool add) const {
  const std::size_t row_tiles = RoundUp(rows, kernels.tile_rows) / kernels.tile_rows;
  team.Run(panels_, [&](std::size_t panel, std::size_t) {
    kernels.gemm_panel({.a = a,
                        .row_tiles = row_tiles,
                        .depth = depth_,
                        .b = weights_.get() + panel * depth_ * tile_columns_,
                        .c = c + panel * tile_columns_,
                        .c_stride = c_stride,
                        .add = add});
  });
}

}  // namespace pega
