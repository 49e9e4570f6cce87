// Every bound of the native engine. src/limits.ts repeats those that the wire needs, and
// test/limits.test.ts fails when the two differ.
#pragma once

#include <cstdint>

namespace pega {

inline constexpr std::uint64_t kSlabBytesMin = std::uint64_t{16} << 20;
inline constexpr std::uint64_t kSlabBytesMax = std::uint64_t{1} << 30;
inline constexpr std::uint32_t kSlabsPerPool = 32;           // pool/32 a slab, within the two above
inline constexpr std::uint32_t kSlabOrdinalsMax = 8192;      // 8 TiB of 1 GiB slabs, replaced ones included
inline constexpr std::uint32_t kRanksMax = 64;               // workers of one engine
inline constexpr std::uint32_t kNamespacesMax = 256;
inline constexpr std::uint32_t kEnginesMax = 256;
inline constexpr std::uint32_t kHashBytesMin = 8;            // of a block hash
inline constexpr std::uint32_t kHashBytesMax = 32;
inline constexpr std::uint32_t kDigestBytes = 32;            // of a namespace
inline constexpr std::uint32_t kEngineIdBytes = 16;
inline constexpr std::uint32_t kNonceBytes = 16;
inline constexpr std::uint32_t kPoolIdBytes = 16;
inline constexpr std::uint32_t kHashesPerCallMax = 131072;   // a 2 M token context in blocks of 16
inline constexpr std::uint32_t kHashesPerBatch = 1024;       // native work between two turns of JavaScript
inline constexpr std::uint32_t kOpenIdsPerEngineMax = 65536; // leases, reservations and tombstones
// Blocks in open leases, each counted once for every lease that has it: bounds memory and pins.
inline constexpr std::uint64_t kLeasedBlocksPerEngineMax = std::uint64_t{1} << 23;
inline constexpr std::uint32_t kLayersMax = 1024;
inline constexpr std::uint32_t kSegmentsPerLayerMax = 8;     // K and V split, scales, …
inline constexpr std::uint32_t kBlocksPerJobMax = 131072;
inline constexpr std::uint32_t kTransferJobsMax = 65536;     // running or not yet forgotten
// Of a job that yields; two of a kind in flight make 32 MiB that a synchronous load may find ahead.
inline constexpr std::uint64_t kChunkBytesMax = std::uint64_t{16} << 20;

}  // namespace pega
