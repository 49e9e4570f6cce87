#include "reference/check_model.h"

#include <string>

namespace pega {
namespace {

Status Refuse(const std::string& message) { return Status(Code::kInvalidArgument, message); }

struct Bound {
  const char* name;
  std::uint64_t value;
  std::uint64_t most;
};

}  // namespace

Status CheckShape(const ModelShape& shape, std::uint32_t block_count, std::uint32_t threads) {
  const Bound bounds[] = {{"layers", shape.layers, 256},
                          {"heads", shape.heads, 256},
                          {"kv_heads", shape.kv_heads, 256},
                          {"head_dim", shape.head_dim, 256},
                          {"ffn", shape.ffn, 65536},
                          {"vocab", shape.vocab, 1U << 20},
                          {"block_tokens", shape.block_tokens, 1024},
                          {"context", shape.context, 1U << 20},
                          {"block_count", block_count, 1U << 24},
                          {"threads", threads, 64}};
  for (const Bound& bound : bounds) {
    if (bound.value == 0 || bound.value > bound.most) {
      return Refuse(std::string(bound.name) + " is " + std::to_string(bound.value) +
                    "; it must be between 1 and " + std::to_string(bound.most));
    }
  }
  if (shape.head_dim % 2 != 0) {
    return Refuse("head_dim is " + std::to_string(shape.head_dim) + "; it must be even");
  }
  if (shape.heads % shape.kv_heads != 0) {
    return Refuse("heads is " + std::to_string(shape.heads) +
                  "; it must be a multiple of kv_heads, " + std::to_string(shape.kv_heads));
  }
  return Status::Ok();
}

Status StepCheck::Check(std::span<const SequenceChunk> chunks) {
  for (std::size_t i = 0; i < chunks.size(); ++i) PEGA_RETURN_IF_ERROR(CheckChunk(chunks[i], i));
  const std::uint64_t step_begin = chunks_seen_;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const SequenceChunk& chunk = chunks[i];
    ++chunks_seen_;
    const std::size_t first = chunk.position / shape_.block_tokens;
    const std::size_t last = (chunk.position + chunk.tokens.size() - 1) / shape_.block_tokens;
    for (std::size_t b = first; b <= last; ++b) {
      std::uint64_t& writer = writer_[chunk.block_table[b]];
      if (writer > step_begin) {
        return Refuse("chunks[" + std::to_string(i) + "].block_table[" + std::to_string(b) +
                      "] is block " + std::to_string(chunk.block_table[b]) +
                      ", which this step writes already; each block has one writer");
      }
      writer = chunks_seen_;
    }
  }
  return Status::Ok();
}

Status StepCheck::CheckChunk(const SequenceChunk& chunk, std::size_t index) {
  const std::string name = "chunks[" + std::to_string(index) + "]";
  if (chunk.tokens.empty())
    return Refuse(name + ".tokens is empty; a chunk has at least one token");
  if (chunk.position > shape_.context || chunk.tokens.size() > shape_.context - chunk.position) {
    return Refuse(name + " ends at position " +
                  std::to_string(std::uint64_t{chunk.position} + chunk.tokens.size()) +
                  "; the context is " + std::to_string(shape_.context));
  }
  const std::size_t end = chunk.position + chunk.tokens.size();
  const std::size_t blocks = (end + shape_.block_tokens - 1) / shape_.block_tokens;
  if (chunk.block_table.size() < blocks) {
    return Refuse(name + ".block_table has " + std::to_string(chunk.block_table.size()) +
                  " blocks; " + std::to_string(end) + " positions need " + std::to_string(blocks));
  }
  for (std::size_t b = 0; b < blocks; ++b) {
    if (chunk.block_table[b] >= writer_.size()) {
      return Refuse(name + ".block_table[" + std::to_string(b) + "] is " +
                    std::to_string(chunk.block_table[b]) + "; the model has " +
                    std::to_string(writer_.size()) + " blocks");
    }
  }
  for (std::size_t t = 0; t < chunk.tokens.size(); ++t) {
    if (chunk.tokens[t] < 0 || static_cast<std::uint32_t>(chunk.tokens[t]) >= shape_.vocab) {
      return Refuse(name + ".tokens[" + std::to_string(t) + "] is " +
                    std::to_string(chunk.tokens[t]) + "; the vocabulary has " +
                    std::to_string(shape_.vocab) + " tokens");
    }
  }
  return Status::Ok();
}

}  // namespace pega
