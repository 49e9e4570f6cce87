// ReferenceModel: a small Llama-style transformer on the CPU, in fp32, with paged KV. Tests and the
// embedded bench use it as their LLM (DESIGN §6); it is never used for a published figure.
//
// RMSNorm, rotary positions, grouped-query attention, SwiGLU, tied to seeded random weights. Each
// token's arithmetic is the same bit for bit whatever else is in the batch and however its prompt
// is cut into chunks: every output element is summed in one fixed order (k ascending, fused
// multiply-add), attention runs over key tiles that start at position 0.
//
// KV: one allocation a layer, (blocks, kv_heads, block_tokens, 2 × head_dim) floats, K then V in
// the last dimension: the layout vLLM 0.26 gives Llama (DESIGN §2).
//
// Thread safety: one Forward at a time; it uses `threads` threads of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/status.h"

namespace pega {

struct ModelShape {
  std::uint32_t layers = 8;
  std::uint32_t heads = 8;
  std::uint32_t kv_heads = 4;
  std::uint32_t head_dim = 64;  // even, ≤ 256
  std::uint32_t ffn = 1408;
  std::uint32_t vocab = 4096;
  std::uint32_t block_tokens = 16;
  std::uint32_t context = 8192;  // positions
};

struct SequenceChunk {
  std::span<const std::int32_t> tokens;        // of this chunk
  std::uint32_t position = 0;                  // of its first token
  std::span<const std::uint32_t> block_table;  // covers position + tokens.size()
  bool sample = false;                         // the chunk ends the prompt: give the next token
};

struct KvAllocation {
  float* address = nullptr;
  std::uint64_t bytes = 0;
};

class ReferenceModel {
 public:
  // kInvalidArgument names the field that is out of bounds or does not divide. Memory for weights
  // and blocks is taken (and weights generated) here.
  static Result<std::unique_ptr<ReferenceModel>> Create(const ModelShape& shape, std::uint64_t seed,
                                                        std::uint32_t block_count,
                                                        std::uint32_t threads);
  virtual ~ReferenceModel() = default;

  // Writes KV of all tokens and returns, for each chunk, the greedy next token (−1 without sample).
  // kInvalidArgument when a token, position or block id is out of range; nothing is computed then.
  virtual Result<std::vector<std::int32_t>> Forward(std::span<const SequenceChunk> chunks) = 0;

  virtual const ModelShape& shape() const = 0;
  virtual std::vector<KvAllocation> kv() const = 0;  // one a layer
  virtual std::uint64_t kv_block_bytes() const = 0;  // of one block in one layer
  virtual std::uint64_t weights_digest() const = 0;  // over the weights, for the namespace
  // Floating-point operations of one token at this position (multiply and add are two), without
  // the output head, which only sampled tokens pass.
  virtual double FlopsAt(std::uint32_t position) const = 0;
};

// This machine's fp32 peak with the same instructions and threads: register-resident fused
// multiply-adds for `seconds`, in FLOP/s; and the model's matrix kernel on a large square product.
double MeasureFmaPeak(std::uint32_t threads, double seconds);
double MeasureSgemm(std::uint32_t threads, std::uint32_t size, double seconds);

}  // namespace pega
