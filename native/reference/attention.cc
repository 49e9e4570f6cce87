#include "reference/attention.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "reference/packed_matrix.h"

namespace pega {
namespace {

// Query rows of a span: its tokens × the heads that share the KV head, token by token.
std::size_t GroupSize(const ModelShape& shape) { return shape.heads / shape.kv_heads; }

}  // namespace

std::vector<QuerySpan> CutIntoSpans(const ModelShape& shape,
                                    std::span<const SequenceChunk> chunks) {
  std::vector<QuerySpan> spans;
  std::uint32_t row = 0;
  for (std::uint32_t chunk = 0; chunk < chunks.size(); ++chunk) {
    const auto end =
        static_cast<std::uint32_t>(chunks[chunk].position + chunks[chunk].tokens.size());
    for (std::uint32_t position = chunks[chunk].position; position < end;) {
      const auto tile_end = static_cast<std::uint32_t>(RoundUp(position + 1, kKeyTile));
      const std::uint32_t tokens = std::min(end, tile_end) - position;
      for (std::uint32_t head = 0; head < shape.kv_heads; ++head) {
        spans.push_back({chunk, head, row, position, tokens});
      }
      row += tokens;
      position += tokens;
    }
  }
  std::stable_sort(spans.begin(), spans.end(), [](const QuerySpan& a, const QuerySpan& b) {
    return std::uint64_t{a.position} * a.tokens > std::uint64_t{b.position} * b.tokens;
  });
  return spans;
}

bool AttentionScratch::Reserve(const Kernels& kernels, const ModelShape& shape) {
  head_dim_padded_ = RoundUp(shape.head_dim, kernels.tile_columns);
  const std::size_t rows = RoundUp(kKeyTile * GroupSize(shape), kernels.tile_rows);
  queries_ = FloatBuffer(rows * shape.head_dim);
  keys_ = FloatBuffer(kKeyTile * shape.head_dim);
  values_ = FloatBuffer(kKeyTile * head_dim_padded_);
  scores_ = FloatBuffer(kernels.tile_rows * kKeyTile);
  out_ = FloatBuffer(rows * head_dim_padded_);
  row_max_.resize(rows);
  row_sum_.resize(rows);
  return queries_.valid() && keys_.valid() && values_.valid() && scores_.valid() && out_.valid();
}

void AttentionScratch::Attend(const Kernels& kernels, const AttentionStep& step,
                              const QuerySpan& span) {
  const std::size_t rows = RoundUp(span.tokens * GroupSize(*step.shape), kernels.tile_rows);
  PackQueries(kernels, step, span);
  std::fill_n(out_.get(), rows * head_dim_padded_, 0.0F);
  std::fill_n(row_max_.begin(), rows, kNoScore);
  std::fill_n(row_sum_.begin(), rows, 0.0F);
  const std::uint32_t end_key = span.position + span.tokens;
  for (std::uint32_t first_key = 0; first_key < end_key; first_key += kKeyTile) {
    PackKeysAndValues(kernels, step, span, first_key, end_key);
    AttendOneKeyTile(kernels, *step.shape, span, first_key);
  }
  WriteOut(kernels, step, span);
}

void AttentionScratch::PackQueries(const Kernels& kernels, const AttentionStep& step,
                                   const QuerySpan& span) {
  const std::size_t head_dim = step.shape->head_dim;
  const std::size_t group = GroupSize(*step.shape);
  const std::size_t tile_rows = kernels.tile_rows;
  const float scale = 1.0F / std::sqrt(static_cast<float>(head_dim));
  const std::size_t rows = span.tokens * group;
  for (std::size_t row = 0; row < RoundUp(rows, tile_rows); ++row) {
    float* out = queries_.get() + row / tile_rows * tile_rows * head_dim + row % tile_rows;
    if (row >= rows) {
      for (std::size_t d = 0; d < head_dim; ++d) out[d * tile_rows] = 0.0F;
      continue;
    }
    const float* query = step.queries + (span.first_row + row / group) * step.query_stride +
                         (span.kv_head * group + row % group) * head_dim;
    for (std::size_t d = 0; d < head_dim; ++d) out[d * tile_rows] = query[d] * scale;
  }
}

void AttentionScratch::PackKeysAndValues(const Kernels& kernels, const AttentionStep& step,
                                         const QuerySpan& span, std::uint32_t first_key,
                                         std::uint32_t end_key) {
  const ModelShape& shape = *step.shape;
  const std::size_t head_dim = shape.head_dim;
  const std::size_t columns = kernels.tile_columns;
  const std::span<const std::uint32_t> table = step.chunks[span.chunk].block_table;
  for (std::size_t i = 0; i < kKeyTile; ++i) {
    const std::size_t position = first_key + i;
    float* key_out = keys_.get() + i / columns * columns * head_dim + i % columns;
    float* value_out = values_.get() + i * columns;
    if (position >= end_key) {  // nothing written there: must not be read
      for (std::size_t d = 0; d < head_dim; ++d) key_out[d * columns] = 0.0F;
      for (std::size_t d = 0; d < head_dim_padded_; d += columns) {
        std::fill_n(value_out + d * kKeyTile, columns, 0.0F);
      }
      continue;
    }
    const std::size_t block = table[position / shape.block_tokens];
    const std::size_t token = (block * shape.kv_heads + span.kv_head) * shape.block_tokens +
                              position % shape.block_tokens;
    const float* key = step.kv + token * 2 * head_dim;
    for (std::size_t d = 0; d < head_dim; ++d) key_out[d * columns] = key[d];
    // Dimensions beyond head_dim stay as they were made: zero.
    for (std::size_t d = 0; d < head_dim; d += columns) {
      std::memcpy(value_out + d * kKeyTile, key + head_dim + d,
                  std::min(columns, head_dim - d) * sizeof(float));
    }
  }
}

void AttentionScratch::AttendOneKeyTile(const Kernels& kernels, const ModelShape& shape,
                                        const QuerySpan& span, std::uint32_t first_key) {
  const std::size_t group = GroupSize(shape);
  const std::size_t tile_rows = kernels.tile_rows;
  std::array<std::uint32_t, kTileRowsMax> visible{};
  for (std::size_t first = 0; first < span.tokens * group; first += tile_rows) {
    for (std::size_t i = 0; i < tile_rows; ++i) {
      const std::size_t token = std::min<std::size_t>((first + i) / group, span.tokens - 1);
      const std::size_t seen = span.position + token + 1 - first_key;
      visible[i] = static_cast<std::uint32_t>(std::min(seen, kKeyTile));
    }
    kernels.attend_tile({.queries = queries_.get() + first * shape.head_dim,
                         .keys = keys_.get(),
                         .values = values_.get(),
                         .head_dim = shape.head_dim,
                         .head_dim_padded = head_dim_padded_,
                         .visible = visible.data(),
                         .scores = scores_.get(),
                         .out = out_.get() + first * head_dim_padded_,
                         .row_max = row_max_.data() + first,
                         .row_sum = row_sum_.data() + first});
  }
}

void AttentionScratch::WriteOut(const Kernels& kernels, const AttentionStep& step,
                                const QuerySpan& span) const {
  const std::size_t head_dim = step.shape->head_dim;
  const std::size_t depth = std::size_t{step.shape->heads} * head_dim;
  const std::size_t group = GroupSize(*step.shape);
  const std::size_t tile_rows = kernels.tile_rows;
  for (std::size_t row = 0; row < span.tokens * group; ++row) {
    const std::size_t token = span.first_row + row / group;
    const std::size_t head = span.kv_head * group + row % group;
    float* out = step.out + token / tile_rows * tile_rows * depth + head * head_dim * tile_rows +
                 token % tile_rows;
    const float* gathered = out_.get() + row * head_dim_padded_;
    const float inverse = 1.0F / row_sum_[row];
    // Adding zero turns −0 into 0: which of the two it was may depend on keys that weigh nothing.
    for (std::size_t d = 0; d < head_dim; ++d) out[d * tile_rows] = gathered[d] * inverse + 0.0F;
  }
}

}  // namespace pega
