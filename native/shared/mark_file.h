// The mark file: one u64 a slot, generation × 2 + sealed, so that a restarted server can tell a slot
// that was sealed from one that was being written (PROTOCOL §1, §4).
//
//   marks-POOLID, sparse: slab `ordinal` has the region of slab_bytes/4096 words that starts at word
//   ordinal × slab_bytes/4096; its slot i has word i. Only touched pages cost memory.
//
// Used by the server alone; engines never read it. One thread.
#pragma once

#include <cstdint>
#include <memory>

#include "base/status.h"
#include "shared/pool_folder.h"

namespace pega {

class MarkFile {
 public:
  static Result<std::unique_ptr<MarkFile>> Create(const PoolFolder& folder, const PoolId& pool,
                                                  std::uint64_t slab_bytes);
  virtual ~MarkFile() = default;

  // Zeroes a slab's region: before the slab is cut anew.
  virtual void ClearSlab(std::uint32_t ordinal) = 0;
  // Marks the slot unsealed under the next generation, which it returns (1 for a slot never used).
  virtual std::uint64_t Reserve(std::uint32_t ordinal, std::uint32_t slot_index) = 0;
  virtual void Seal(std::uint32_t ordinal, std::uint32_t slot_index) = 0;
  virtual void Unseal(std::uint32_t ordinal, std::uint32_t slot_index) = 0;  // evicted or abandoned
  virtual std::uint64_t Generation(std::uint32_t ordinal, std::uint32_t slot_index) const = 0;
  virtual bool Sealed(std::uint32_t ordinal, std::uint32_t slot_index) const = 0;
};

}  // namespace pega
