// EngineLedger: what one engine has: its leases, its reservations, the ids it used, the bytes it
// holds.
//
//   id: unknown ──first call──► open ──ended──► finished ──watermark──► forgotten, refused
//          └──Release or Abandon──► tombstone: the late first call grants nothing
//
// Leases and reservations share one sequence of ids. A reservation stays open until it is abandoned
// as a whole, or until the watermark passes it and none of its blocks is in flight: until then a
// repeated Seal must be answered by what it did. Uses of a block are counted, so that held bytes
// count each block once however many leases have it. It changes no block: pool_leases.cc and
// pool_stores.cc do, and keep the ledger in step.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "base/status.h"
#include "pool/block_index.h"
#include "pool/id_ranges.h"
#include "pool/lazy_array.h"
#include "pool/pool.h"

namespace pega {

struct OpenLease {
  std::vector<std::uint32_t> blocks;  // pinned, in chain order
  bool ending = false;                // Release has begun: it grows no more
  BlockRef ancestor;                  // once it is empty: blocks before it, still to be touched
};

enum class PositionState : std::uint8_t { kInFlight, kSealed, kAbandoned };

// A block of a reservation that got a slot. Those that got none leave no trace but their count: a
// client that reserves what is there already costs nothing.
struct ReservedPosition {
  std::uint32_t index = 0;  // in the reservation
  std::uint32_t block = kNoBlock;
  PositionState state = PositionState::kInFlight;
};

// What one Reserve call granted, by rising index; never empty.
struct ReservedBatch {
  std::vector<ReservedPosition> positions;
  std::vector<std::uint64_t> generations;  // ranks for each position
};

struct OpenReservation {
  std::vector<ReservedBatch> batches;
  std::uint32_t positions = 0;  // asked for so far, with or without a slot
  std::uint32_t in_flight = 0;
  bool ending = false;          // AbandonAll has begun
  std::size_t swept_batch = 0;  // what it looks at next
  std::size_t swept_position = 0;

  struct Found {
    ReservedPosition* position = nullptr;  // null: got no slot
    std::span<const std::uint64_t> generations;
  };
  Found Find(std::uint32_t index, std::uint32_t ranks);
};

class EngineLedger {
 public:
  // blocks_max: ids of the namespace's index.
  static Result<std::unique_ptr<EngineLedger>> Create(EngineHandle handle,
                                                      NamespaceHandle name_space,
                                                      std::uint64_t block_bytes,
                                                      std::uint64_t blocks_max);

  // May a first call begin this id? kIdReused, kCancelled (tombstone) or kLimit.
  Status MayBegin(std::uint64_t id) const;
  // Nothing is left to do for it: it has ended, or is refused, or is a tombstone.
  bool IsOver(std::uint64_t id) const;
  Status AddTombstone(std::uint64_t id);  // kLimit
  void Finish(std::uint64_t id);          // of a lease or reservation that was just erased
  // Ids below are refused at once and forgotten bit by bit.
  void RaiseWatermark(std::uint64_t watermark);
  // Ends a reservation that the watermark has passed and that has nothing in flight.
  void FinishIfPassed(std::uint64_t id);

  void AddUse(std::uint32_t block) { held_bytes_ += uses_[block]++ == 0 ? block_bytes_ : 0; }
  void DropUse(std::uint32_t block) { held_bytes_ -= --uses_[block] == 0 ? block_bytes_ : 0; }
  bool Uses(std::uint32_t block) const { return uses_[block] != 0; }
  std::uint32_t UseCount(std::uint32_t block) const { return uses_[block]; }

  std::map<std::uint64_t, OpenLease> leases;
  std::map<std::uint64_t, OpenReservation> reservations;
  std::uint64_t leased_blocks = 0;  // in all leases together
  bool ending = false;              // EndLeases was called: no new calls
  bool leases_ended = false;        // and has returned true

  EngineHandle handle() const { return handle_; }
  NamespaceHandle name_space() const { return name_space_; }
  std::uint64_t held_bytes() const { return held_bytes_; }
  std::uint64_t watermark() const { return watermark_; }
  std::uint64_t tombstones() const { return tombstones_.size(); }

 private:
  EngineLedger() = default;
  std::size_t OpenIds() const;

  EngineHandle handle_ = 0;
  NamespaceHandle name_space_ = 0;
  std::uint64_t block_bytes_ = 0;
  std::uint64_t held_bytes_ = 0;
  std::uint64_t watermark_ = 0;
  std::uint64_t swept_below_ = 0;  // open ids below this were looked at when the watermark passed
  std::set<std::uint64_t> tombstones_;
  IdRanges finished_;
  LazyArray<std::uint32_t> uses_;  // of each block id
};

}  // namespace pega
