// Attention over paged KV for the reference model.
//
// The work is cut into spans: the queries of one sequence that lie in one key tile (positions
// n·kKeyTile …), for one KV head. A span walks the key tiles from position 0 to its own, so every
// query meets the same tiles in the same order however its prompt was cut into chunks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "reference/float_buffer.h"
#include "reference/kernels.h"
#include "reference/reference_model.h"

namespace pega {

struct QuerySpan {
  std::uint32_t chunk = 0;
  std::uint32_t kv_head = 0;
  std::uint32_t first_row = 0;  // of the span's first token among all tokens of the step
  std::uint32_t position = 0;   // of that token
  std::uint32_t tokens = 0;
};

// The longest walks first, so that the threads end together.
std::vector<QuerySpan> CutIntoSpans(const ModelShape& shape, std::span<const SequenceChunk> chunks);

struct AttentionStep {
  const ModelShape* shape = nullptr;
  std::span<const SequenceChunk> chunks;
  const float* queries = nullptr;  // rows of `query_stride`, rotated
  std::size_t query_stride = 0;
  const float* kv = nullptr;  // this layer's blocks
  float* out = nullptr;       // packed tiles of depth heads × head_dim (packed_matrix.h)
};

// One thread's buffers.
class AttentionScratch {
 public:
  // False when memory is missing.
  bool Reserve(const Kernels& kernels, const ModelShape& shape);
  void Attend(const Kernels& kernels, const AttentionStep& step, const QuerySpan& span);

 private:
  void PackQueries(const Kernels& kernels, const AttentionStep& step, const QuerySpan& span);
  void PackKeysAndValues(const Kernels& kernels, const AttentionStep& step, const QuerySpan& span,
                         std::uint32_t first_key, std::uint32_t end_key);
  void AttendOneKeyTile(const Kernels& kernels, const ModelShape& shape, const QuerySpan& span,
                        std::uint32_t first_key);
  void WriteOut(const Kernels& kernels, const AttentionStep& step, const QuerySpan& span) const;

  std::size_t head_dim_padded_ = 0;
  FloatBuffer queries_;  // row tiles of the span: head_dim × tile_rows each
  FloatBuffer keys_;
  FloatBuffer values_;
  FloatBuffer scores_;
  FloatBuffer out_;  // rows × head_dim_padded
  std::vector<float> row_max_;
  std::vector<float> row_sum_;
};

}  // namespace pega
