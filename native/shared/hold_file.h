// The hold file of an engine: proof that its processes live, and which parts of the pool they use
// (PROTOCOL §2, §3). This is the engine's side; hold_view.h is the server's.
//
//   0     magic u64 | layout_version u32 | record_count u32 (1 + ranks)
//   16    pool_id 16 bytes | engine_id 16 bytes | page_count u64 (bits below) | 0…
//   64    records: record_count × 64 bytes {nonce 16, joined u32, sync_loads u32,
//         slabs_ready u64 (slabs this rank can reach), boot_seen u64, 0…}; record 0 the
//         scheduler's, 1 + rank the workers'. Each process writes only its own.
//   64 + 64·record_count, rounded up to 64: page_count bits, one for each 4 KiB of the pool:
//         bit = ordinal × slab_bytes / 4096 + page. Only the scheduler side writes them.
//
// Locks: fcntl F_SETLK, byte i for record i. POSIX locks belong to the process, and closing any
// descriptor of the file frees them: a process opens each hold file once (a registry keyed by
// device and inode), joins further records through the same descriptor, and closes it only with the
// last HoldFile of that file. A process neither conflicts with nor sees its own locks.
//
// Thread safety: all methods may be called from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/slot_address.h"
#include "base/status.h"
#include "shared/pool_folder.h"
#include "shared/pool_header.h"

namespace pega {

struct HoldSpec {
  PoolId pool_id;
  EngineId engine_id;
  Nonce nonce;               // Register's, for this process
  std::uint32_t record = 0;  // 0 scheduler, 1 + rank worker
  std::uint32_t rank_count = 1;
  std::uint64_t slab_bytes = 0;
  std::uint32_t ordinal_capacity = 0;  // slabs that the bits cover
};

class HoldFile {
 public:
  // Makes the file (temporary name, lock, link) or joins the one that is there; a file that was
  // removed between open and lock is tried again. kAlreadyExists if a living process of another
  // engine run holds this record's byte.
  static Result<std::shared_ptr<HoldFile>> CreateOrJoin(const PoolFolder& folder,
                                                        const HoldSpec& spec);
  virtual ~HoldFile() = default;

  // Takes one use of each slot: sets the bits of slots that had none, fences, then compares the
  // header's boot number with `boot`. Different: gives the uses back and returns kStaleBoot.
  // slot_bytes is the unpadded or padded size; every 4 KiB of the slot is marked.
  virtual Status Hold(std::span<const SlotAddress> slots, std::uint64_t slot_bytes,
                      const HeaderView& header, std::uint64_t boot) = 0;
  // Gives one use of each slot back; the last one clears the bits.
  // kInvalidArgument (nothing changed) if a slot has no use.
  virtual Status Drop(std::span<const SlotAddress> slots, std::uint64_t slot_bytes) = 0;
  virtual std::uint64_t HeldPages() const = 0;

  // This process's own record.
  virtual void ReportReady(std::uint64_t slabs_ready, bool sync_loads, std::uint64_t boot_seen) = 0;
  // True when every rank's record says that synchronous loads are possible.
  virtual bool AllRanksSync() const = 0;
  // The fewest slabs that a rank has reported; 0 while one has not joined.
  virtual std::uint64_t SlabsReadyMin() const = 0;
  // No bit of the file is set: nobody of this engine holds a slot. Any record may ask.
  virtual Result<bool> EngineIdle() const = 0;
};

}  // namespace pega
