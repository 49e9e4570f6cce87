// Mapping: a shared memory map of a file's descriptor, MADV_DONTFORK and MADV_DONTDUMP (PROTOCOL §1).
//
// Move-only; unmaps when it goes. It does not own the descriptor. In a forked child the map does not
// exist and its address may belong to something else, so only the process that mapped it unmaps it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "base/status.h"

namespace pega {

enum class Access { kRead, kReadWrite };

inline constexpr std::uint64_t kHugePageBytes = std::uint64_t{2} << 20;  // of tmpfs

class Mapping {
 public:
  Mapping() = default;
  // Maps [offset_bytes, offset_bytes + bytes). kNoSpace when the kernel has no memory for it.
  static Result<Mapping> Of(int fd, std::uint64_t bytes, Access access,
                            std::uint64_t offset_bytes = 0);
  // The same for a slab's file, at an address that huge pages of it can be mapped at as such: equal
  // to the offset modulo 2 MiB.
  static Result<Mapping> OfSlab(int fd, std::uint64_t bytes, std::uint64_t page_bytes,
                                std::uint64_t offset_bytes = 0);
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  std::byte* address() const { return address_; }
  std::uint64_t bytes() const { return bytes_; }
  void Reset();

 private:
  static Result<Mapping> Keep(void* address, std::uint64_t bytes);

  std::byte* address_ = nullptr;
  std::uint64_t bytes_ = 0;
  pid_t owner_ = 0;  // the process that mapped it
};

}  // namespace pega
