// Mapping: a shared memory map of a file's descriptor, MADV_DONTFORK and MADV_DONTDUMP (PROTOCOL §1).
//
// Move-only; unmaps when it goes. It does not own the descriptor.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"

namespace pega {

enum class Access { kRead, kReadWrite };

class Mapping {
 public:
  Mapping() = default;
  static Result<Mapping> Of(int fd, std::uint64_t bytes, Access access);
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  std::byte* address() const { return address_; }
  std::uint64_t bytes() const { return bytes_; }
  void Reset();

 private:
  std::byte* address_ = nullptr;
  std::uint64_t bytes_ = 0;
};

}  // namespace pega
