// What a model and a step must look like; each failure names the field.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "reference/reference_model.h"

namespace pega {

Status CheckShape(const ModelShape& shape, std::uint32_t block_count, std::uint32_t threads);

// Refuses chunks that are empty or out of bounds, and two writers of one block in a step: their
// bytes would depend on the threads' timing. One for each model; it remembers nothing that matters.
class StepCheck {
 public:
  StepCheck(const ModelShape& shape, std::uint32_t block_count)
      : shape_(shape), writer_(block_count, 0) {}
  Status Check(std::span<const SequenceChunk> chunks);

 private:
  Status CheckChunk(const SequenceChunk& chunk, std::size_t index);

  ModelShape shape_;
  std::vector<std::uint64_t> writer_;  // of each block: number of the chunk that wrote it last
  std::uint64_t chunks_seen_ = 0;
};

}  // namespace pega
