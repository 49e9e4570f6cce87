// SparseMapping: a map of a large sparse file that is written without the risk of SIGBUS.
//
// Before a part is first written, MakeReady takes its memory by a call that can fail (fallocate); a
// plain write into a full tmpfs could not. Only parts made ready cost memory. Move-only; it does
// not own the descriptor, which must stay open. Not for concurrent use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/status.h"
#include "shared/mapping.h"

namespace pega {

class SparseMapping {
 public:
  SparseMapping() = default;
  static Result<SparseMapping> Of(int fd, std::uint64_t bytes);

  std::byte* address() const { return mapping_.address(); }
  // The unit in which memory is taken.
  std::uint64_t page_bytes() const { return page_bytes_; }
  bool PageReady(std::uint64_t page) const { return page_ready_[page]; }

  // Everything in [offset, offset + bytes) may be written from now on. kNoSpace.
  Status MakeReady(std::uint64_t offset_bytes, std::uint64_t bytes);
  // Puts private memory of this process in the page's place: what is written stays here.
  Status MakePrivate(std::uint64_t page);

 private:
  int fd_ = -1;
  Mapping mapping_;
  std::uint64_t page_bytes_ = 0;
  std::vector<bool> page_ready_;
};

}  // namespace pega
