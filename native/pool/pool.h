// Pool: the server's façade over slabs, block indexes, leases and reservations (DESIGN §4, PROTOCOL
// §3–§4).
//
//   pool ─┬─ slab files, filled in the background; each cut into slots of one class
//         ├─ namespaces: one block index each (hash → slots of all ranks), in recency order
//         └─ engines: who holds which leases and reservations
//
// A *class* is (namespace, padded slot bytes). One *block* has one slot for each rank of its
// namespace. States: reserved → sealed → gone. Only sealed blocks are found; a sealed block is
// immutable. Pins (uses by leases) are counted in the block; evictable ⇔ sealed and no pins ⇔ on
// the recency list. A block is put on it behind its parent, so chains lose their end first; only a
// block sealed before its parent (out of order, or by two engines) may outlive it.
//
// Thread safety: one owner thread (the server's JavaScript thread) for everything; the only other
// threads are the filler's, behind SlabFiller, and those that give memory back within Close. No
// clocks, no locks of engines, no I/O but marks, header and slab files: the caller says when an
// engine is dead.
// Bounded work: every call that could be long takes at most kHashesPerBatch blocks or a budget, so
// that the caller can go back to its event loop; ids make the pieces one operation.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/slot_address.h"
#include "base/status.h"
#include "shared/pool_folder.h"
#include "shared/slab_file.h"

namespace pega {

using Digest = std::array<std::uint8_t, kDigestBytes>;
using NamespaceHandle = std::uint32_t;
using EngineHandle = std::uint32_t;

struct PoolOptions {
  FolderOptions folder;
  std::uint64_t pool_bytes = 0;    // rounded down to whole slabs
  std::uint64_t slab_bytes = 0;    // 0: pool/32 within [16 MiB, 1 GiB], a multiple of 2 MiB
  std::uint32_t fill_threads = 0;  // 0: one for each core, at most 16
  bool allow_any_filesystem = false;
  bool huge_pages = false;         // FillOptions::huge_pages: the caller knows that the host allows it
  bool allocate_first = false;     // FillOptions::allocate_first
  std::vector<std::uint32_t> numa_nodes;  // FillOptions::numa_nodes
  bool numa_required = false;  // kUnsupported where the kernel refuses them; else they are left out
  bool defer_fill = false;  // true: no slab is filled before StartFilling
  bool fill = true;         // false: slab files without memory behind them, for the index's
                            // bench only: a store could run out of memory
};

struct FillProgress {
  std::uint64_t filled_bytes = 0;
  std::uint64_t total_bytes = 0;
  std::uint32_t slabs_ready = 0;
  std::uint32_t slabs_total = 0;
  Status error;  // the first failure; the pool keeps what it has
};

struct PoolMemory {
  SlabPages pages = SlabPages::kSmall;    // of the first slab, once there is one
  std::vector<std::uint32_t> numa_nodes;  // that it comes from; empty: as the kernel likes
};

struct NamespaceSpec {
  Digest digest{};
  std::uint32_t hash_bytes = 32;               // of each block hash
  std::vector<std::uint64_t> rank_slot_bytes;  // unpadded bytes of one block of each rank
};

enum class ReserveOutcome : std::uint8_t { kSlot = 0, kSealed = 1, kInFlight = 2, kFull = 3 };

struct ReservedSlot {
  SlotAddress address;
  std::uint64_t generation = 0;
};
static_assert(sizeof(ReservedSlot) == 16);  // as it goes over the wire

struct SealRequest {
  std::span<const std::uint32_t> indices;      // positions within the reservation
  std::span<const std::uint64_t> generations;  // rank_count for each index, in order
};

struct PoolStats {  // counts since this boot unless "now"
  std::uint64_t pool_bytes = 0, slab_bytes = 0;
  std::uint64_t used_bytes = 0;       // now: slots of reserved and sealed blocks, padded
  std::uint64_t pinned_bytes = 0;     // now: of those, in blocks with pins
  std::uint64_t index_bytes = 0;      // now: memory touched by indexes, estimated from live blocks
  std::uint64_t blocks_reserved = 0;  // now
  std::uint64_t blocks_sealed = 0;    // now
  std::uint64_t blocks_pinned = 0;    // now
  std::uint64_t leases = 0, reservations = 0, tombstones = 0;        // now
  std::uint32_t slabs_ready = 0, slabs_free = 0, slabs_retired = 0;  // now
  std::uint64_t queried_total = 0, hit_total = 0, reserved_total = 0, sealed_total = 0;
  std::uint64_t abandoned_total = 0, evicted_total = 0, lost_total = 0, full_total = 0;
  // Identity: reserved_total = sealed_total + abandoned_total + blocks_reserved (lost ones count
  // as abandoned when they were not sealed).
};

struct NamespaceStats {
  NamespaceHandle handle = 0;
  Digest digest{};
  std::uint32_t hash_bytes = 0;
  std::vector<std::uint64_t> rank_slot_bytes;
  std::uint64_t blocks_reserved = 0, blocks_sealed = 0, blocks_pinned = 0, used_bytes = 0;
};

struct EngineStats {
  EngineHandle handle = 0;
  NamespaceHandle name_space = 0;
  std::uint64_t leases = 0, reservations = 0,
                held_bytes = 0;  // held: leased or reserved, each block once
};

struct SlabStats {
  std::uint32_t ordinal = 0;
  enum class State : std::uint8_t { kFree, kCut, kDraining, kRetired } state = State::kFree;
  NamespaceHandle name_space = 0;  // of a cut slab
  std::uint64_t slot_bytes = 0;
  std::uint32_t slots = 0, slots_used = 0, longest_free_run = 0;
};

class Pool {
 public:
  // Locks the folder's header, begins a new boot, clears the files of former pools and starts to
  // fill. kPoolBusy, kNoSpace, kInvalidArgument, kUnsupported.
  // REQUIRES: the caller has checked what memory is free (src/server/host-memory.ts).
  static Result<std::unique_ptr<Pool>> Create(const PoolOptions& options);
  virtual ~Pool() = default;

  virtual std::uint64_t boot_number() const = 0;
  virtual const PoolId& pool_id() const = 0;
  virtual const PoolFolder& folder() const = 0;
  virtual std::uint64_t slab_bytes() const = 0;
  virtual std::uint32_t slabs_total() const = 0;
  virtual std::uint32_t ordinal_capacity() const = 0;

  // Starts the filler of a pool made with defer_fill; no effect when it runs already. Between the
  // two the server waits for engines to let go of the former pool's memory, then checks what is
  // free.
  virtual void StartFilling() = 0;

  // Takes slabs that the filler has finished, publishes them, and goes on with budgeted clean-up of
  // draining and retired slabs. Also called by every method below; the server's timer calls it too.
  virtual void Poll() = 0;
  virtual FillProgress fill_progress() const = 0;
  virtual PoolMemory memory() const = 0;
  // Looks at up to `count` slab files, round robin, and retires those changed from outside.
  // Returns the ordinals retired by this call.
  virtual std::vector<std::uint32_t> CheckSlabs(std::uint32_t count) = 0;

  // Finds or makes. kInvalidArgument if hash_bytes or ranks are out of bounds or a slot does not
  // fit a slab; kAlreadyExists if the digest is known with other hash_bytes or slot bytes; kLimit.
  // Where there are kNamespacesMax, one without engines loses its blocks and its handle is used again.
  virtual Result<NamespaceHandle> OpenNamespace(const NamespaceSpec& spec) = 0;
  virtual Result<EngineHandle> AddEngine(NamespaceHandle name_space) = 0;
  // The engine's processes are dead (or it said goodbye): ends its leases, `budget` blocks at a
  // time; true when none is left. New calls of the engine are refused from the first call on.
  virtual Result<bool> EndLeases(EngineHandle engine, std::uint32_t budget) = 0;
  // 500 ms later (PROTOCOL §2): abandons its reservations, `budget` blocks at a time, and forgets
  // the engine when done (true). REQUIRES: EndLeases has returned true.
  virtual Result<bool> EndStores(EngineHandle engine, std::uint32_t budget) = 0;

  // Forgets tombstones and finished ids below the watermark. Ids below it are refused from now on.
  virtual Status RaiseWatermark(EngineHandle engine, std::uint64_t watermark) = 0;

  // Which of these blocks are sealed: one byte each (1 sealed). Touches them, takes nothing.
  // hashes: count × hash_bytes; count ≤ kHashesPerBatch (here and below). A chain of several batches
  // is looked up from its last batch to its first, so that its head ends up warmest.
  virtual Status Lookup(EngineHandle engine, std::span<const std::uint8_t> hashes,
                        std::span<std::uint8_t> sealed) = 0;
  // Extends the lease by the longest sealed prefix of these hashes and writes their slots, block by
  // block, rank by rank (slots.size() ≥ count × ranks). Returns the blocks granted; fewer than
  // count means the prefix ends here (or the engine's half of the pool is used up, or
  // kLeasedBlocksPerEngineMax reached). `first` begins the lease: kIdReused if the id is known or
  // below the watermark, kCancelled if a Release came before (tombstone). Without `first`: kNotFound if the lease has ended since.
  virtual Result<std::uint32_t> Lease(EngineHandle engine, std::uint64_t lease_id, bool first,
                                      std::span<const std::uint8_t> hashes,
                                      std::span<SlotAddress> slots) = 0;
  // Ends the lease from its last block backwards, `budget` blocks at a time; true when it is gone.
  // An id that is not known leaves a tombstone; one that has ended is fine. kIdReused if the id is
  // a reservation's; kLimit when there are too many tombstones.
  virtual Result<bool> Release(EngineHandle engine, std::uint64_t lease_id,
                               std::uint32_t budget) = 0;

  // Reserves slots for the blocks that are neither sealed nor in flight. `parent_hash` (empty at
  // the start of a chain) is the block before the first; continuation calls (`first` false) follow
  // the hash that the last call ended with and give it as parent. outcomes: one a hash. slots:
  // count × ranks, filled where the outcome is kSlot. Errors as Lease. kFull also while another
  // class's slab is being emptied for this one, at most kHashesPerBatch blocks a call: a later
  // Reserve finds the room.
  virtual Status Reserve(EngineHandle engine, std::uint64_t reservation_id, bool first,
                         std::span<const std::uint8_t> parent_hash,
                         std::span<const std::uint8_t> hashes, std::span<ReserveOutcome> outcomes,
                         std::span<ReservedSlot> slots) = 0;
  // Publishes blocks of a reservation. All or nothing for one call: kNotReserved if an index never
  // got a slot, was abandoned, or a generation differs. Blocks already sealed by this reservation
  // are fine (a repeated call). Returns the number sealed by this call; a block whose slab was
  // retired meanwhile is dropped instead and not counted.
  virtual Result<std::uint32_t> Seal(EngineHandle engine, std::uint64_t reservation_id,
                                     const SealRequest& request) = 0;
  // Frees blocks of a reservation that are not sealed; sealed ones stay. Idempotent. An id that is
  // not known leaves a tombstone.
  virtual Status Abandon(EngineHandle engine, std::uint64_t reservation_id,
                         std::span<const std::uint32_t> indices) = 0;
  // The same for all blocks of it, `budget` at a time; true when the reservation is over.
  virtual Result<bool> AbandonAll(EngineHandle engine, std::uint64_t reservation_id,
                                  std::uint32_t budget) = 0;

  virtual PoolStats stats() const = 0;
  virtual std::vector<NamespaceStats> namespaces() const = 0;
  virtual std::vector<EngineStats> engines() const = 0;
  virtual std::vector<SlabStats> slabs() const = 0;

  // Walks everything and compares counts, lists, owners, bitmaps and marks. For tests: O(pool).
  virtual Status CheckInvariants() const = 0;

  // An orderly stop: unlinks mark and slab files. The header stays, with the boot number; the lock
  // goes. The kernel takes memory back at some GB/s, so slabs that are left after `give_back` are
  // closed and named in the answer: somebody who has the time unlinks them. Again: no effect.
  virtual std::vector<std::string> Close(std::chrono::milliseconds give_back) = 0;
};

}  // namespace pega
