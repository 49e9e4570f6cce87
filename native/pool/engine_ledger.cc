#include "pool/engine_ledger.h"

#include <algorithm>
#include <string>

namespace pega {

namespace {
constexpr std::uint32_t kForgottenPerCall = kHashesPerBatch;  // ids
}  // namespace

OpenReservation::Found OpenReservation::Find(std::uint32_t index, std::uint32_t ranks) {
  const auto after =
      std::upper_bound(batches.begin(), batches.end(), index,
                       [](std::uint32_t wanted, const ReservedBatch& batch) {
                         return wanted < batch.positions.front().index;
                       });
  if (after == batches.begin()) return {};
  ReservedBatch& batch = *std::prev(after);
  const auto at = std::lower_bound(batch.positions.begin(), batch.positions.end(), index,
                                   [](const ReservedPosition& position, std::uint32_t wanted) {
                                     return position.index < wanted;
                                   });
  if (at == batch.positions.end() || at->index != index) return {};
  const auto place = static_cast<std::size_t>(at - batch.positions.begin());
  return {&*at, std::span(batch.generations).subspan(place * ranks, ranks)};
}

Result<std::unique_ptr<EngineLedger>> EngineLedger::Create(EngineHandle handle,
                                                           NamespaceHandle name_space,
                                                           std::uint64_t block_bytes,
                                                           std::uint64_t blocks_max) {
  Result<LazyArray<std::uint32_t>> uses = LazyArray<std::uint32_t>::Of(blocks_max);
  if (!uses.ok()) return uses.status();
  std::unique_ptr<EngineLedger> ledger(new EngineLedger());
  ledger->handle_ = handle;
  ledger->name_space_ = name_space;
  ledger->block_bytes_ = block_bytes;
  ledger->uses_ = std::move(uses).value();
  return ledger;
}

Status EngineLedger::MayBegin(std::uint64_t id) const {
  const std::string name = "id " + std::to_string(id);
  if (id < watermark_) {
    return Status(Code::kIdReused, name + " is below the watermark " + std::to_string(watermark_));
  }
  if (leases.contains(id)) return Status(Code::kIdReused, name + " is an open lease");
  if (reservations.contains(id)) return Status(Code::kIdReused, name + " is an open reservation");
  if (finished_.Contains(id)) return Status(Code::kIdReused, name + " was used and has ended");
  if (tombstones_.contains(id)) {
    return Status(Code::kCancelled, name + " was released or abandoned before it began");
  }
  if (OpenIds() >= kOpenIdsPerEngineMax) {
    return Status(Code::kLimit, "the engine has " + std::to_string(OpenIds()) +
                                    " open ids and tombstones; at most " +
                                    std::to_string(kOpenIdsPerEngineMax) + " are kept");
  }
  return Status::Ok();
}

bool EngineLedger::IsOver(std::uint64_t id) const {
  if (leases.contains(id) || reservations.contains(id)) return false;
  return id < watermark_ || finished_.Contains(id) || tombstones_.contains(id);
}

Status EngineLedger::AddTombstone(std::uint64_t id) {
  if (OpenIds() >= kOpenIdsPerEngineMax) {
    return Status(Code::kLimit, "no room for a tombstone of id " + std::to_string(id) + ": " +
                                    std::to_string(kOpenIdsPerEngineMax) + " ids are open");
  }
  tombstones_.insert(id);
  return Status::Ok();
}

void EngineLedger::Finish(std::uint64_t id) {
  if (id >= watermark_) finished_.Add(id);
}

void EngineLedger::RaiseWatermark(std::uint64_t watermark) {
  watermark_ = std::max(watermark_, watermark);
  finished_.ForgetBelow(watermark_, kForgottenPerCall);
  for (std::uint32_t i = 0; i < kForgottenPerCall && !tombstones_.empty(); ++i) {
    if (*tombstones_.begin() >= watermark_) break;
    tombstones_.erase(tombstones_.begin());
  }
  auto lease = leases.lower_bound(swept_below_);
  auto reservation = reservations.lower_bound(swept_below_);
  for (std::uint32_t i = 0; i < kForgottenPerCall; ++i) {
    const std::uint64_t next =
        std::min(lease == leases.end() ? watermark_ : lease->first,
                 reservation == reservations.end() ? watermark_ : reservation->first);
    swept_below_ = std::min(next, watermark_);
    if (next >= watermark_) break;
    swept_below_ = next + 1;
    if (lease != leases.end() && lease->first == next) {
      // A lease that was granted nothing has nothing to release.
      lease = lease->second.blocks.empty() && !lease->second.ending ? leases.erase(lease)
                                                                    : std::next(lease);
    } else {
      reservation = reservation->second.in_flight == 0 ? reservations.erase(reservation)
                                                       : std::next(reservation);
    }
  }
}

void EngineLedger::FinishIfPassed(std::uint64_t id) {
  const auto found = reservations.find(id);
  if (id < swept_below_ && found != reservations.end() && found->second.in_flight == 0 &&
      !found->second.ending) {
    reservations.erase(found);
  }
}

std::size_t EngineLedger::OpenIds() const {
  return leases.size() + reservations.size() + tombstones_.size() + finished_.range_count();
}

}  // namespace pega
