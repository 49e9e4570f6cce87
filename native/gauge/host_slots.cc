#include "gauge/host_slots.h"

#include <cstring>
#include <mutex>
#include <string>

#include "gauge/block_pattern.h"
#include "gauge/parallel_parts.h"

namespace pega::gauge {
namespace {

constexpr int kClearByte = 0x5a;

std::uint64_t SlotsPerSlab(std::uint64_t slot_bytes, std::uint64_t slab_bytes) {
  return slab_bytes / RoundUpToPage(slot_bytes);
}

}  // namespace

std::uint32_t HostSlots::SlabsFor(std::uint32_t slots, std::uint64_t slot_bytes,
                                  std::uint64_t slab_bytes) {
  const std::uint64_t in_slab = SlotsPerSlab(slot_bytes, slab_bytes);
  return static_cast<std::uint32_t>((slots + in_slab - 1) / in_slab);
}

SlotAddress HostSlots::Slot(std::uint32_t index) const {
  const std::uint64_t slot_bytes = segment_bytes_ * layers_;
  const std::uint64_t in_slab = SlotsPerSlab(slot_bytes, slabs_.slab_bytes());
  const std::uint64_t page = index % in_slab * (RoundUpToPage(slot_bytes) / kPageBytes);
  return {static_cast<std::uint32_t>(index / in_slab), static_cast<std::uint32_t>(page)};
}

std::span<std::byte> HostSlots::Bytes(std::uint32_t index) const {
  const SlotAddress slot = Slot(index);
  return {slabs_.address(slot.slab_ordinal) + slot.offset_bytes(), segment_bytes_ * layers_};
}

void HostSlots::Clear(BlockRange slots) {
  InParallel(threads_, slots.count, [&](std::uint64_t i) {
    const std::span<std::byte> bytes = Bytes(slots.first + static_cast<std::uint32_t>(i));
    std::memset(bytes.data(), kClearByte, bytes.size());
  });
}

void HostSlots::Write(BlockRange slots, std::uint64_t seed, const KeyOf& key_of) {
  InParallel(threads_, slots.count, [&](std::uint64_t i) {
    const std::uint32_t slot = slots.first + static_cast<std::uint32_t>(i);
    for (std::uint32_t layer = 0; layer < layers_; ++layer) {
      WritePattern(PatternStart(seed, key_of(slot), layer), Segment(slot, layer));
    }
  });
}

WrongBytes HostSlots::Check(BlockRange slots, std::uint64_t seed, const KeyOf& key_of) const {
  WrongBytes wrong;
  std::mutex mutex;  // guards wrong
  InParallel(threads_, slots.count, [&](std::uint64_t i) {
    const std::uint32_t slot = slots.first + static_cast<std::uint32_t>(i);
    for (std::uint32_t layer = 0; layer < layers_; ++layer) {
      const auto at =
          FindWrongWord(PatternStart(seed, key_of(slot), layer), Segment(slot, layer));
      if (!at.has_value()) continue;
      const std::lock_guard lock(mutex);
      wrong.Add({1, "slot " + std::to_string(slot) + ", layer " + std::to_string(layer) +
                        ", byte " + std::to_string(*at)});
    }
  });
  return wrong;
}

}  // namespace pega::gauge
