// The bytes of the header file, as pool_header.h draws them.
//
// They are read and written by pread and pwrite, not through a mapping: whoever truncates the file
// then causes a miss, not a SIGBUS in an engine. Used by the two sides of the header alone.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/limits.h"
#include "base/status.h"

namespace pega {

inline constexpr std::uint64_t kHeaderMagic = 0x3172646861676570;  // "pegahdr1"

struct HeaderFields {
  std::uint64_t magic;
  std::uint32_t layout_version;
  std::uint32_t ordinal_capacity;
  std::uint64_t boot_number;
  std::uint8_t pool_id[kPoolIdBytes];
  std::uint64_t slab_bytes;
  std::uint32_t slab_count;
  std::uint32_t server_pid;
  std::uint64_t reserved;
};
static_assert(sizeof(HeaderFields) == 64);
static_assert(offsetof(HeaderFields, layout_version) == 8);
static_assert(offsetof(HeaderFields, boot_number) == 16);
static_assert(offsetof(HeaderFields, pool_id) == 24);
static_assert(offsetof(HeaderFields, slab_bytes) == 40);
static_assert(offsetof(HeaderFields, slab_count) == 48);

struct HeaderSlab {
  std::uint64_t slab_id;
  std::uint64_t inode;
  std::uint64_t page_bytes;
  std::uint64_t reserved;
};
static_assert(sizeof(HeaderSlab) == 32);

inline constexpr std::uint64_t kHeaderBytes =
    sizeof(HeaderFields) + std::uint64_t{kSlabOrdinalsMax} * sizeof(HeaderSlab);

constexpr std::uint64_t HeaderSlabOffset(std::uint32_t ordinal) {
  return sizeof(HeaderFields) + std::uint64_t{ordinal} * sizeof(HeaderSlab);
}

// What the fields of a header that is there must be; kLayoutVersion otherwise.
Status CheckHeaderFields(const HeaderFields& fields);

}  // namespace pega
