// The bytes of a hold file, as hold_file.h draws them. Used by the engine's and the server's side.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shared/pool_folder.h"

namespace pega {

inline constexpr std::uint64_t kHoldMagic = 0x31646c6f68676570;  // "peghold1"

struct HoldFields {
  std::uint64_t magic;
  std::uint32_t layout_version;
  std::uint32_t record_count;
  PoolId pool_id;
  EngineId engine_id;
  std::uint64_t page_count;
  std::uint64_t reserved;
};
static_assert(sizeof(HoldFields) == 64);
static_assert(offsetof(HoldFields, pool_id) == 16);
static_assert(offsetof(HoldFields, page_count) == 48);

struct HoldRecord {
  Nonce nonce;
  std::uint32_t joined;
  std::uint32_t sync_loads;
  std::uint64_t slabs_ready;
  std::uint64_t boot_seen;
  std::uint64_t reserved[3];
};
static_assert(sizeof(HoldRecord) == 64);
static_assert(offsetof(HoldRecord, joined) == 16);
static_assert(offsetof(HoldRecord, slabs_ready) == 24);

constexpr std::uint64_t HoldRecordOffset(std::uint32_t record) {
  return sizeof(HoldFields) + std::uint64_t{record} * sizeof(HoldRecord);
}
// Of the bits; a multiple of 64, so that words are aligned.
constexpr std::uint64_t HoldBitsOffset(std::uint32_t record_count) {
  return HoldRecordOffset(record_count);
}
constexpr std::uint64_t HoldFileBytes(std::uint32_t record_count, std::uint64_t page_count) {
  return HoldBitsOffset(record_count) + (page_count + 63) / 64 * 8;
}

}  // namespace pega
