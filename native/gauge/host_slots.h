// HostSlots: slots in one's own slabs, as a pool cuts them: each padded to whole pages, none over a
// slab's end. Written and checked by the host, outside of timed parts.
//
// Thread safety: one thread at a time.
#pragma once

#include <cstdint>

#include "base/slot_address.h"
#include "base/status.h"
#include "gauge/device_blocks.h"
#include "gauge/own_slabs.h"

namespace pega::gauge {

class HostSlots {
 public:
  // The slabs outlive this. REQUIRES: a slot fits into a slab.
  HostSlots(const OwnSlabs& slabs, std::uint64_t segment_bytes, std::uint32_t layers,
            std::uint32_t threads)
      : slabs_(slabs), segment_bytes_(segment_bytes), layers_(layers), threads_(threads) {}

  static std::uint32_t SlabsFor(std::uint32_t slots, std::uint64_t slot_bytes,
                                std::uint64_t slab_bytes);
  SlotAddress Slot(std::uint32_t index) const;

  void Clear(BlockRange slots);
  void Write(BlockRange slots, std::uint64_t seed, const KeyOf& key_of);
  WrongBytes Check(BlockRange slots, std::uint64_t seed, const KeyOf& key_of) const;

 private:
  std::span<std::byte> Bytes(std::uint32_t index) const;
  std::span<std::byte> Segment(std::uint32_t index, std::uint32_t layer) const {
    return Bytes(index).subspan(layer * segment_bytes_, segment_bytes_);
  }

  const OwnSlabs& slabs_;
  const std::uint64_t segment_bytes_;
  const std::uint32_t layers_;
  const std::uint32_t threads_;
};

}  // namespace pega::gauge
