// SlotAddress: where a slot lies in the pool. The one thing that pool, transfer and the wire share.
//
// Eight bytes, little-endian u32 ordinal then u32 page: copied as they stand into gRPC answers
// (Query.slots, Reserve.slots) and into the connector's metadata. It names a place, not a right to
// use it: that comes from a lease or a reservation.
#pragma once

#include <cstdint>

namespace pega {

inline constexpr std::uint64_t kPageBytes = 4096;  // the unit of slot offsets and of hold bits

struct SlotAddress {
  std::uint32_t slab_ordinal = 0;  // index in the header's slab table; never reused in a pool id
  std::uint32_t page = 0;          // offset in the slab, in units of kPageBytes

  std::uint64_t offset_bytes() const { return std::uint64_t{page} * kPageBytes; }
  friend bool operator==(const SlotAddress&, const SlotAddress&) = default;
};
static_assert(sizeof(SlotAddress) == 8);

// Slots are padded to whole pages (PROTOCOL §1).
constexpr std::uint64_t RoundUpToPage(std::uint64_t bytes) {
  return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

}  // namespace pega
