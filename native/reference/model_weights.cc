#include "reference/model_weights.h"

#include <cmath>

#include "reference/seeded_values.h"

namespace pega {
namespace {

constexpr float kScoreGain = 1.6F;  // of queries and of keys

// Hands out the seeds of tensors, in the fixed order of Fill.
class TensorSeeds {
 public:
  explicit TensorSeeds(std::uint64_t seed) : seed_(Mix(seed ^ 0x70656761U)) {}
  std::uint64_t Next() { return Mix(seed_ + ++count_ * 0xD1342543DE82EF95U); }

 private:
  std::uint64_t seed_;
  std::uint64_t count_ = 0;
};

// Half the width of an even distribution whose products over `depth` inputs have variance gain².
float Spread(std::size_t depth, float gain) {
  return gain * std::sqrt(3.0F / static_cast<float>(depth));
}

FloatBuffer Gains(std::size_t count, std::uint64_t seed) {
  FloatBuffer gains(RoundUp(count, kLanes));
  for (std::size_t i = 0; i < count && gains.valid(); ++i) {
    gains.get()[i] = 1.0F + 0.1F * SeededValue(seed, i);
  }
  return gains;
}

std::uint64_t DigestOf(const FloatBuffer& values, std::uint64_t seed) {
  std::uint64_t digest = 0;
  for (std::size_t i = 0; i < values.size(); ++i) digest += DigestShare(values.get()[i], seed + i);
  return digest;
}

bool FillLayer(LayerWeights& layer, const Kernels& kernels, ThreadTeam& team,
               const ModelShape& shape, TensorSeeds& seeds) {
  const std::size_t hidden = std::size_t{shape.heads} * shape.head_dim;
  const std::size_t kv = std::size_t{shape.kv_heads} * shape.head_dim;
  const float residual = 1.0F / std::sqrt(static_cast<float>(shape.layers));
  layer.query_key_value = PackedMatrix(kernels, team, hidden,
                                       {{seeds.Next(), hidden, Spread(hidden, kScoreGain)},
                                        {seeds.Next(), kv, Spread(hidden, kScoreGain)},
                                        {seeds.Next(), kv, Spread(hidden, 1.0F)}});
  layer.attention_out = PackedMatrix(kernels, team, hidden,
                                     {{seeds.Next(), hidden, Spread(hidden, 2.0F * residual)}});
  layer.gate_up = PackedMatrix(kernels, team, hidden,
                               {{seeds.Next(), shape.ffn, Spread(hidden, 1.0F)},
                                {seeds.Next(), shape.ffn, Spread(hidden, 1.0F)}});
  layer.down =
      PackedMatrix(kernels, team, shape.ffn, {{seeds.Next(), hidden, Spread(shape.ffn, residual)}});
  layer.attention_gain = Gains(hidden, seeds.Next());
  layer.ffn_gain = Gains(hidden, seeds.Next());
  return layer.query_key_value.valid() && layer.attention_out.valid() && layer.gate_up.valid() &&
         layer.down.valid() && layer.attention_gain.valid() && layer.ffn_gain.valid();
}

}  // namespace

bool ModelWeights::Fill(const Kernels& kernels, ThreadTeam& team, const ModelShape& shape,
                        std::uint64_t seed) {
  const std::size_t hidden = std::size_t{shape.heads} * shape.head_dim;
  TensorSeeds seeds(seed);
  const std::uint64_t embedding_seed = seeds.Next();
  embedding = FloatBuffer(shape.vocab * hidden);
  const std::uint64_t final_seed = seeds.Next();
  final_gain = Gains(hidden, final_seed);
  head = PackedMatrix(kernels, team, hidden, {{seeds.Next(), shape.vocab, Spread(hidden, 1.0F)}});
  if (!embedding.valid() || !final_gain.valid() || !head.valid()) return false;
  team.Run(shape.vocab, [&](std::size_t row, std::size_t) {
    for (std::size_t i = row * hidden; i < (row + 1) * hidden; ++i) {
      embedding.get()[i] = SeededValue(embedding_seed, i) * Spread(1, 1.0F);
    }
  });
  std::uint64_t sum =
      head.digest() + DigestOf(embedding, embedding_seed) + DigestOf(final_gain, final_seed);
  layers.resize(shape.layers);
  for (LayerWeights& layer : layers) {
    if (!FillLayer(layer, kernels, team, shape, seeds)) return false;
    for (const std::uint64_t part :
         {layer.query_key_value.digest(), layer.attention_out.digest(), layer.gate_up.digest(),
          layer.down.digest(), DigestOf(layer.attention_gain, 1), DigestOf(layer.ffn_gain, 2)}) {
      sum = Mix(sum + part);
    }
  }
  digest = Mix(sum);
  return true;
}

}  // namespace pega
