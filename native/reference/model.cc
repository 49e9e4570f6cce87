#include "reference/model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

namespace pega {
namespace {

constexpr std::size_t kRowsPerTask = 8;  // of row-wise work

}  // namespace

Result<std::unique_ptr<ReferenceModel>> ReferenceModel::Create(const ModelShape& shape,
                                                               std::uint64_t seed,
                                                               std::uint32_t block_count,
                                                               std::uint32_t threads) {
  return PagedModel::CreateOn(BestKernels(), shape, seed, block_count, threads);
}

Result<std::unique_ptr<ReferenceModel>> PagedModel::CreateOn(const Kernels& kernels,
                                                             const ModelShape& shape,
                                                             std::uint64_t seed,
                                                             std::uint32_t block_count,
                                                             std::uint32_t threads) {
  PEGA_RETURN_IF_ERROR(CheckShape(shape, block_count, threads));
  std::unique_ptr<PagedModel> model(new PagedModel(kernels, shape, block_count, threads));
  if (!model->TakeMemory(seed, block_count)) {
    return Status(Code::kNoSpace, "memory for " + std::to_string(block_count) + " KV blocks of " +
                                      std::to_string(model->kv_block_bytes() * shape.layers) +
                                      " bytes and the weights could not be mapped");
  }
  return std::unique_ptr<ReferenceModel>(std::move(model));
}

PagedModel::PagedModel(const Kernels& kernels, const ModelShape& shape, std::uint32_t block_count,
                       std::uint32_t threads)
    : kernels_(kernels),
      shape_(shape),
      hidden_(std::size_t{shape.heads} * shape.head_dim),
      kv_block_floats_(std::size_t{shape.kv_heads} * shape.block_tokens * 2 * shape.head_dim),
      team_(threads),
      check_(shape, block_count),
      scratch_(threads) {}

bool PagedModel::TakeMemory(std::uint64_t seed, std::uint32_t block_count) {
  for (std::uint32_t layer = 0; layer < shape_.layers; ++layer) {
    kv_.emplace_back(kv_block_floats_ * block_count);
    if (!kv_.back().valid()) return false;
  }
  for (AttentionScratch& scratch : scratch_) {
    if (!scratch.Reserve(kernels_, shape_)) return false;
  }
  stream_stride_ = RoundUp(hidden_, kernels_.tile_columns);
  FillRotation();
  return weights_.Fill(kernels_, team_, shape_, seed);
}

void PagedModel::FillRotation() {
  const std::size_t half = shape_.head_dim / 2;
  rotation_.resize(shape_.context * half * 2);
  for (std::size_t position = 0; position < shape_.context; ++position) {
    for (std::size_t i = 0; i < half; ++i) {
      const double frequency =
          std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(half));
      const double angle = static_cast<double>(position) * frequency;
      float* pair = rotation_.data() + (position * half + i) * 2;
      pair[0] = static_cast<float>(std::cos(angle));
      pair[1] = static_cast<float>(std::sin(angle));
    }
  }
}

// Buffers keep their size from step to step; the largest step sets it.
bool PagedModel::GrowFor(std::size_t rows) {
  const std::size_t padded = RoundUp(rows, kernels_.tile_rows);
  const std::size_t depth = std::max<std::size_t>(hidden_, shape_.ffn);
  const std::size_t columns =
      std::max({weights_.layers.front().query_key_value.padded_columns(),
                weights_.layers.front().gate_up.padded_columns(), weights_.head.padded_columns()});
  return stream_.Grow(padded * stream_stride_) && packed_.Grow(padded * depth) &&
         product_.Grow(padded * columns);
}

Result<std::vector<std::int32_t>> PagedModel::Forward(std::span<const SequenceChunk> chunks) {
  PEGA_RETURN_IF_ERROR(check_.Check(chunks));
  rows_.clear();
  for (std::uint32_t c = 0; c < chunks.size(); ++c) {
    for (std::uint32_t t = 0; t < chunks[c].tokens.size(); ++t) {
      rows_.push_back({c, chunks[c].position + t});
    }
  }
  if (rows_.empty()) return std::vector<std::int32_t>{};
  if (!GrowFor(rows_.size())) {
    return Status(Code::kNoSpace, "memory for a step of " + std::to_string(rows_.size()) +
                                      " tokens could not be mapped");
  }
  spans_ = CutIntoSpans(shape_, chunks);
  Embed(chunks);
  for (std::size_t layer = 0; layer < shape_.layers; ++layer) {
    Attention(layer, chunks);
    FeedForward(weights_.layers[layer]);
  }
  return Sample(chunks);
}

void PagedModel::Embed(std::span<const SequenceChunk> chunks) {
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    const SequenceChunk& chunk = chunks[rows_[row].chunk];
    const auto token = static_cast<std::size_t>(chunk.tokens[rows_[row].position - chunk.position]);
    std::memcpy(stream_.get() + row * stream_stride_, weights_.embedding.get() + token * hidden_,
                hidden_ * sizeof(float));
  }
}

float* PagedModel::PackedRow(const FloatBuffer& tiles, std::size_t row, std::size_t depth) const {
  const std::size_t tile_rows = kernels_.tile_rows;
  return tiles.get() + row / tile_rows * tile_rows * depth + row % tile_rows;
}

void PagedModel::NormAll(const FloatBuffer& gain) {
  const std::size_t tasks = RoundUp(rows_.size(), kRowsPerTask) / kRowsPerTask;
  team_.Run(tasks, [&](std::size_t task, std::size_t) {
    const std::size_t end = std::min(rows_.size(), (task + 1) * kRowsPerTask);
    for (std::size_t row = task * kRowsPerTask; row < end; ++row) {
      kernels_.norm_row(stream_.get() + row * stream_stride_, gain.get(), hidden_,
                        PackedRow(packed_, row, hidden_));
    }
  });
}

void PagedModel::Attention(std::size_t layer, std::span<const SequenceChunk> chunks) {
  const LayerWeights& weights = weights_.layers[layer];
  const std::size_t stride = weights.query_key_value.padded_columns();
  NormAll(weights.attention_gain);
  weights.query_key_value.Multiply(kernels_, team_, packed_.get(), rows_.size(), product_.get(),
                                   stride, false);
  RotateAndStore(chunks, weights, kv_[layer].get());
  const AttentionStep step{.shape = &shape_,
                           .chunks = chunks,
                           .queries = product_.get(),
                           .query_stride = stride,
                           .kv = kv_[layer].get(),
                           .out = packed_.get()};
  team_.Run(spans_.size(), [&](std::size_t span, std::size_t lane) {
    scratch_[lane].Attend(kernels_, step, spans_[span]);
  });
  weights.attention_out.Multiply(kernels_, team_, packed_.get(), rows_.size(), stream_.get(),
                                 stream_stride_, true);
}

void PagedModel::RotateAndStore(std::span<const SequenceChunk> chunks, const LayerWeights& layer,
                                float* kv) {
  const std::size_t head_dim = shape_.head_dim;
  const std::size_t stride = layer.query_key_value.padded_columns();
  const std::size_t tasks = RoundUp(rows_.size(), kRowsPerTask) / kRowsPerTask;
  team_.Run(tasks, [&](std::size_t task, std::size_t) {
    const std::size_t end = std::min(rows_.size(), (task + 1) * kRowsPerTask);
    for (std::size_t row = task * kRowsPerTask; row < end; ++row) {
      const std::uint32_t position = rows_[row].position;
      float* values = product_.get() + row * stride;
      for (std::size_t head = 0; head < shape_.heads; ++head) {
        Rotate(values + head * head_dim, position);
      }
      const std::size_t block =
          chunks[rows_[row].chunk].block_table[position / shape_.block_tokens];
      float* key = values + layer.query_key_value.part_start(1);
      const float* value = values + layer.query_key_value.part_start(2);
      for (std::size_t head = 0; head < shape_.kv_heads; ++head) {
        Rotate(key + head * head_dim, position);
        float* place = kv + ((block * shape_.kv_heads + head) * shape_.block_tokens +
                             position % shape_.block_tokens) *
                                2 * head_dim;
        std::memcpy(place, key + head * head_dim, head_dim * sizeof(float));
        std::memcpy(place + head_dim, value + head * head_dim, head_dim * sizeof(float));
      }
    }
  });
}

void PagedModel::Rotate(float* head, std::uint32_t position) const {
  const std::size_t half = shape_.head_dim / 2;
  const float* pair = rotation_.data() + position * half * 2;
  for (std::size_t i = 0; i < half; ++i, pair += 2) {
    const float a = head[i];
    const float b = head[i + half];
    head[i] = a * pair[0] - b * pair[1];
    head[i + half] = b * pair[0] + a * pair[1];
  }
}

void PagedModel::FeedForward(const LayerWeights& layer) {
  const std::size_t stride = layer.gate_up.padded_columns();
  NormAll(layer.ffn_gain);
  layer.gate_up.Multiply(kernels_, team_, packed_.get(), rows_.size(), product_.get(), stride,
                         false);
  const std::size_t tasks = RoundUp(rows_.size(), kRowsPerTask) / kRowsPerTask;
  team_.Run(tasks, [&](std::size_t task, std::size_t) {
    const std::size_t end = std::min(rows_.size(), (task + 1) * kRowsPerTask);
    for (std::size_t row = task * kRowsPerTask; row < end; ++row) {
      const float* gate = product_.get() + row * stride;
      kernels_.swiglu_row(gate, gate + layer.gate_up.part_start(1), shape_.ffn,
                          PackedRow(packed_, row, shape_.ffn));
    }
  });
  layer.down.Multiply(kernels_, team_, packed_.get(), rows_.size(), stream_.get(), stream_stride_,
                      true);
}

std::vector<std::int32_t> PagedModel::Sample(std::span<const SequenceChunk> chunks) {
  std::vector<std::int32_t> next(chunks.size(), -1);
  std::vector<std::size_t> sampled;
  std::size_t row = 0;
  for (std::size_t c = 0; c < chunks.size(); ++c) {
    row += chunks[c].tokens.size();
    if (!chunks[c].sample) continue;
    kernels_.norm_row(stream_.get() + (row - 1) * stream_stride_, weights_.final_gain.get(),
                      hidden_, PackedRow(packed_, sampled.size(), hidden_));
    sampled.push_back(c);
  }
  if (sampled.empty()) return next;
  const std::size_t stride = weights_.head.padded_columns();
  weights_.head.Multiply(kernels_, team_, packed_.get(), sampled.size(), product_.get(), stride,
                         false);
  for (std::size_t i = 0; i < sampled.size(); ++i) {
    const float* logits = product_.get() + i * stride;
    // The first of equal ones.
    next[sampled[i]] =
        static_cast<std::int32_t>(std::max_element(logits, logits + shape_.vocab) - logits);
  }
  return next;
}

std::vector<KvAllocation> PagedModel::kv() const {
  std::vector<KvAllocation> allocations;
  for (const FloatBuffer& layer : kv_) {
    allocations.push_back({layer.get(), layer.size() * sizeof(float)});
  }
  return allocations;
}

double PagedModel::FlopsAt(std::uint32_t position) const {
  const double hidden = static_cast<double>(hidden_);
  const double kv = static_cast<double>(shape_.kv_heads) * shape_.head_dim;
  const double weights = hidden * (2 * hidden + 2 * kv + 3.0 * shape_.ffn);
  const double attention = 2 * hidden * (position + 1.0);
  return 2 * shape_.layers * (weights + attention);
}

}  // namespace pega
