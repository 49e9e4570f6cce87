// ModelWeights: all tensors of the reference model, made from one seed.
//
// Scales keep activations near 1 through all layers. Queries and keys are larger, so that a token
// attends to few others: a wrong KV block then changes the answer instead of drowning in an
// average.
#pragma once

#include <cstdint>
#include <vector>

#include "reference/packed_matrix.h"
#include "reference/reference_model.h"

namespace pega {

struct LayerWeights {
  PackedMatrix query_key_value;  // parts: heads, KV heads, KV heads
  PackedMatrix attention_out;
  PackedMatrix gate_up;  // parts: gate, up
  PackedMatrix down;
  FloatBuffer attention_gain;  // of the RMSNorm before attention
  FloatBuffer ffn_gain;
};

struct ModelWeights {
  FloatBuffer embedding;  // vocab × hidden
  FloatBuffer final_gain;
  PackedMatrix head;
  std::vector<LayerWeights> layers;
  std::uint64_t digest = 0;

  // False when memory is missing.
  bool Fill(const Kernels& kernels, ThreadTeam& team, const ModelShape& shape, std::uint64_t seed);
};

}  // namespace pega
