// PagedModel: the reference model on one set of kernels. Tests name the kernels; everybody else
// takes ReferenceModel::Create, which chooses the fastest.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "reference/attention.h"
#include "reference/check_model.h"
#include "reference/model_weights.h"
#include "reference/reference_model.h"

namespace pega {

class PagedModel final : public ReferenceModel {
 public:
  static Result<std::unique_ptr<ReferenceModel>> CreateOn(const Kernels& kernels,
                                                          const ModelShape& shape,
                                                          std::uint64_t seed,
                                                          std::uint32_t block_count,
                                                          std::uint32_t threads);

  Result<std::vector<std::int32_t>> Forward(std::span<const SequenceChunk> chunks) override;
  const ModelShape& shape() const override { return shape_; }
  std::vector<KvAllocation> kv() const override;
  std::uint64_t kv_block_bytes() const override { return kv_block_floats_ * sizeof(float); }
  std::uint64_t weights_digest() const override { return weights_.digest; }
  double FlopsAt(std::uint32_t position) const override;

 private:
  PagedModel(const Kernels& kernels, const ModelShape& shape, std::uint32_t block_count,
             std::uint32_t threads);
  bool TakeMemory(std::uint64_t seed, std::uint32_t block_count);
  bool GrowFor(std::size_t rows);
  void FillRotation();

  void Embed(std::span<const SequenceChunk> chunks);
  void Attention(std::size_t layer, std::span<const SequenceChunk> chunks);
  void FeedForward(const LayerWeights& layer);
  void NormAll(const FloatBuffer& gain);
  void RotateAndStore(std::span<const SequenceChunk> chunks, const LayerWeights& layer, float* kv);
  void Rotate(float* head, std::uint32_t position) const;
  std::vector<std::int32_t> Sample(std::span<const SequenceChunk> chunks);
  float* PackedRow(const FloatBuffer& tiles, std::size_t row, std::size_t depth) const;

  const Kernels& kernels_;
  const ModelShape shape_;
  const std::size_t hidden_;
  const std::size_t kv_block_floats_;  // of one block in one layer
  ThreadTeam team_;
  StepCheck check_;
  ModelWeights weights_;
  std::vector<FloatBuffer> kv_;            // one a layer
  std::vector<AttentionScratch> scratch_;  // one a thread
  std::vector<float> rotation_;            // context × head_dim / 2 × (cosine, sine)

  // Of the step that runs: rows are its tokens, chunk after chunk.
  struct Row {
    std::uint32_t chunk;
    std::uint32_t position;
  };
  std::vector<Row> rows_;
  std::vector<QuerySpan> spans_;
  std::size_t stream_stride_ = 0;
  FloatBuffer stream_;   // rows × hidden: the residual stream
  FloatBuffer packed_;   // tiles of the next product's left side
  FloatBuffer product_;  // rows of QKV, then of gate and up
};

}  // namespace pega
