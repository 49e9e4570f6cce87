// NameSpace: the blocks of one namespace, and what they take.
#pragma once

#include <cstdint>
#include <vector>

#include "pool/block_index.h"
#include "pool/pool.h"

namespace pega {

struct NameSpace {
  NamespaceHandle handle = 0;
  NamespaceSpec spec;
  std::uint64_t block_bytes = 0;          // padded, all ranks
  std::vector<std::uint32_t> rank_class;  // the slot class of each rank
  BlockIndex index;
  std::uint64_t reserved = 0;  // blocks now
  std::uint64_t sealed = 0;
  std::uint64_t doomed = 0;
  std::uint64_t pinned = 0;  // sealed or doomed
};

}  // namespace pega
