// Reserve, Seal, Abandon and the end of an engine's reservations.
#include <algorithm>
#include <string>

#include "pool/pool_impl.h"

namespace pega {

namespace {

Status NotReserved(std::uint64_t id, const std::string& why) {
  return Status(Code::kNotReserved, "reservation " + std::to_string(id) + ": " + why);
}

}  // namespace

struct PoolImpl::ReserveCall {
  EngineLedger& ledger;
  NameSpace& ns;
  std::span<const std::uint8_t> hashes;
  std::span<ReserveOutcome> outcomes;
  BlockRef parent;
  std::vector<BlockRef> at{};              // the block of each position, if it has one
  std::vector<std::uint32_t> inserted{};   // new ids, in order
  std::vector<std::uint32_t> positions{};  // and where in the call they are
};

Status PoolImpl::Reserve(EngineHandle engine, std::uint64_t reservation_id, bool first,
                         std::span<const std::uint8_t> parent_hash,
                         std::span<const std::uint8_t> hashes, std::span<ReserveOutcome> outcomes,
                         std::span<ReservedSlot> slots) {
  Result<EngineLedger*> entered = EnterLiving(engine);
  if (!entered.ok()) return entered.status();
  EngineLedger& ledger = *entered.value();
  NameSpace& ns = blocks_.name_space(ledger.name_space());
  PEGA_RETURN_IF_ERROR(
      CheckHashes(ns, hashes, std::min(outcomes.size(), slots.size() / ns.index.rank_count())));
  if (!parent_hash.empty() && parent_hash.size() != ns.index.hash_bytes()) {
    return Status(Code::kInvalidArgument, "parent_hash has " + std::to_string(parent_hash.size()) +
                                              " bytes; it must have " +
                                              std::to_string(ns.index.hash_bytes()) + " or none");
  }
  if (first) {
    PEGA_RETURN_IF_ERROR(ledger.MayBegin(reservation_id));
    ledger.reservations.try_emplace(reservation_id);
  }
  const auto found = ledger.reservations.find(reservation_id);
  if (found == ledger.reservations.end() || found->second.ending) {
    return Status(Code::kNotFound,
                  "reservation " + std::to_string(reservation_id) + " is not open");
  }
  const std::size_t count = hashes.size() / ns.index.hash_bytes();
  OpenReservation& reservation = found->second;
  if (reservation.positions + count > kHashesPerCallMax) {
    return Status(Code::kLimit, "reservation " + std::to_string(reservation_id) +
                                    " would have more than 131,072 blocks");
  }
  ReserveCall call{ledger, ns, hashes, outcomes.first(count), BlockRef{}};
  if (!parent_hash.empty()) {
    const std::uint32_t parent = ns.index.Find(BlockHash::Of(parent_hash));
    if (parent != kNoBlock) call.parent = ns.index.RefTo(parent);
  }
  InsertMissing(call);
  const auto wanted = static_cast<std::uint32_t>(call.inserted.size());
  const std::uint32_t room = wanted == 0 ? 0 : supply_.MakeRoom(ns, wanted, drain_budget_);
  GiveUpRest(call, room);
  Record(call, reservation, slots);
  return Status::Ok();
}

// Decides each block, and inserts those that are missing before their slots are known: so a hash
// that comes twice is in flight the second time.
void PoolImpl::InsertMissing(ReserveCall& call) {
  NameSpace& ns = call.ns;
  const std::size_t count = call.outcomes.size();
  const std::uint32_t hash_bytes = ns.index.hash_bytes();
  const std::span<std::uint32_t> ids(ids_.data(), count);
  ns.index.FindBatch(call.hashes, ids);
  const std::uint64_t held = call.ledger.held_bytes();
  const std::uint64_t blocks_allowed =
      held < HoldLimitBytes() ? (HoldLimitBytes() - held) / ns.block_bytes : 0;
  call.at.resize(count);
  BlockRef before = call.parent;
  bool changed = false;
  for (std::uint32_t i = 0; i < count; ++i, before = call.at[i - 1]) {
    const BlockHash hash = BlockHash::Of(call.hashes.subspan(i * hash_bytes, hash_bytes));
    std::uint32_t id = ids[i];
    if (changed) id = ns.index.Find(hash);  // the batch was looked up before
    if (id != kNoBlock && ns.index.entry(id).State() == BlockState::kSealed &&
        blocks_.Gone(ns, id)) {
      blocks_.Vanish(ns, id);
      id = kNoBlock;
      changed = true;
    }
    if (id != kNoBlock) {
      const bool sealed = ns.index.entry(id).State() == BlockState::kSealed;
      call.outcomes[i] = sealed ? ReserveOutcome::kSealed : ReserveOutcome::kInFlight;
      call.at[i] = ns.index.RefTo(id);
    } else if (call.inserted.size() < blocks_allowed) {
      id = ns.index.Insert(hash, before);
      changed = true;
      call.outcomes[i] = ReserveOutcome::kSlot;
      call.at[i] = ns.index.RefTo(id);
      call.inserted.push_back(id);
      call.positions.push_back(i);
    } else {
      call.outcomes[i] = ReserveOutcome::kFull;
      ++full_total_;
    }
  }
}

void PoolImpl::GiveUpRest(ReserveCall& call, std::uint32_t room) {
  if (room >= call.inserted.size()) return;
  for (std::size_t i = call.inserted.size(); i-- > room;) call.ns.index.Free(call.inserted[i]);
  call.inserted.resize(room);
  call.positions.resize(room);
  for (std::size_t i = 0; i < call.outcomes.size(); ++i) {
    ReserveOutcome& outcome = call.outcomes[i];
    const bool had_block = outcome == ReserveOutcome::kSlot || outcome == ReserveOutcome::kInFlight;
    if (!had_block || call.ns.index.Lives(call.at[i])) continue;
    outcome = ReserveOutcome::kFull;
    ++full_total_;
  }
}

void PoolImpl::Record(ReserveCall& call, OpenReservation& reservation,
                      std::span<ReservedSlot> slots) {
  const std::uint32_t ranks = call.ns.index.rank_count();
  std::vector<std::uint64_t> generations(call.inserted.size() * ranks);
  blocks_.Grant(call.ns, call.inserted, generations);
  std::fill_n(slots.begin(), call.outcomes.size() * ranks, ReservedSlot{});
  ReservedBatch batch;
  batch.positions.reserve(call.inserted.size());
  for (std::size_t i = 0; i < call.inserted.size(); ++i) {
    const std::uint32_t id = call.inserted[i];
    const std::uint32_t position = call.positions[i];
    call.ledger.AddUse(id);
    batch.positions.push_back(
        {.index = reservation.positions + position, .block = id, .state = PositionState::kInFlight});
    for (std::uint32_t rank = 0; rank < ranks; ++rank) {
      slots[std::size_t{position} * ranks + rank] = {call.ns.index.slots(id)[rank],
                                                     generations[i * ranks + rank]};
    }
  }
  batch.generations = std::move(generations);
  reservation.positions += static_cast<std::uint32_t>(call.outcomes.size());
  reservation.in_flight += static_cast<std::uint32_t>(call.inserted.size());
  if (!batch.positions.empty()) reservation.batches.push_back(std::move(batch));
}

Status PoolImpl::CheckSeal(OpenReservation& reservation, const SealRequest& request,
                           std::uint32_t ranks) const {
  for (std::size_t i = 0; i < request.indices.size(); ++i) {
    const std::uint32_t index = request.indices[i];
    const std::string name = "index " + std::to_string(index);
    if (index >= reservation.positions) {
      return Status(Code::kNotReserved, name + " is beyond the reservation's " +
                                            std::to_string(reservation.positions) + " blocks");
    }
    const OpenReservation::Found found = reservation.Find(index, ranks);
    if (found.position == nullptr) return Status(Code::kNotReserved, name + " got no slot");
    if (found.position->state == PositionState::kAbandoned) {
      return Status(Code::kNotReserved, name + " was abandoned");
    }
    const auto given = request.generations.begin() + static_cast<std::ptrdiff_t>(i * ranks);
    if (!std::equal(found.generations.begin(), found.generations.end(), given)) {
      return Status(Code::kNotReserved, name + " was granted under another generation");
    }
  }
  return Status::Ok();
}

Result<std::uint32_t> PoolImpl::Seal(EngineHandle engine, std::uint64_t reservation_id,
                                     const SealRequest& request) {
  Result<EngineLedger*> entered = EnterLiving(engine);
  if (!entered.ok()) return entered.status();
  EngineLedger& ledger = *entered.value();
  NameSpace& ns = blocks_.name_space(ledger.name_space());
  const std::uint32_t ranks = ns.index.rank_count();
  if (request.indices.size() > kHashesPerBatch ||
      request.generations.size() != request.indices.size() * ranks) {
    return Status(Code::kInvalidArgument,
                  "Seal has " + std::to_string(request.indices.size()) + " indices and " +
                      std::to_string(request.generations.size()) +
                      " generations; at most 1,024 indices, and one generation for each and rank");
  }
  const auto found = ledger.reservations.find(reservation_id);
  if (found == ledger.reservations.end() || found->second.ending) {
    return NotReserved(reservation_id, "it is not open");
  }
  OpenReservation& reservation = found->second;
  PEGA_RETURN_IF_ERROR(CheckSeal(reservation, request, ranks));
  std::uint32_t sealed = 0;
  for (const std::uint32_t index : request.indices) {
    ReservedPosition& position = *reservation.Find(index, ranks).position;
    if (position.state != PositionState::kInFlight) continue;
    ledger.DropUse(position.block);
    --reservation.in_flight;
    const bool kept = blocks_.Seal(ns, position.block, tick_);
    position.state = PositionState::kSealed;  // dropped or not: a repeated Seal finds nothing to do
    sealed += kept ? 1 : 0;
  }
  ledger.FinishIfPassed(reservation_id);
  return sealed;
}

void PoolImpl::AbandonPosition(EngineLedger& engine, OpenReservation& reservation,
                               ReservedPosition& position) {
  if (position.state != PositionState::kInFlight) return;
  engine.DropUse(position.block);
  --reservation.in_flight;
  blocks_.Abandon(blocks_.name_space(engine.name_space()), position.block);
  position.state = PositionState::kAbandoned;
}

Status PoolImpl::Abandon(EngineHandle engine, std::uint64_t reservation_id,
                         std::span<const std::uint32_t> indices) {
  Result<EngineLedger*> entered = EnterLiving(engine);
  if (!entered.ok()) return entered.status();
  EngineLedger& ledger = *entered.value();
  if (indices.size() > kHashesPerBatch) {
    return Status(Code::kInvalidArgument, "Abandon has " + std::to_string(indices.size()) +
                                              " indices; one call takes at most 1,024");
  }
  const auto found = ledger.reservations.find(reservation_id);
  if (found == ledger.reservations.end()) {
    if (ledger.leases.contains(reservation_id)) {
      return Status(Code::kIdReused, "id " + std::to_string(reservation_id) + " is a lease");
    }
    return ledger.IsOver(reservation_id) ? Status::Ok() : ledger.AddTombstone(reservation_id);
  }
  OpenReservation& reservation = found->second;
  const std::uint32_t ranks = blocks_.name_space(ledger.name_space()).index.rank_count();
  for (const std::uint32_t index : indices) {
    if (index < reservation.positions) continue;
    return NotReserved(reservation_id, "index " + std::to_string(index) + " is beyond its " +
                                           std::to_string(reservation.positions) + " blocks");
  }
  for (const std::uint32_t index : indices) {
    ReservedPosition* const position = reservation.Find(index, ranks).position;
    if (position != nullptr) AbandonPosition(ledger, reservation, *position);
  }
  ledger.FinishIfPassed(reservation_id);
  return Status::Ok();
}

bool PoolImpl::Sweep(EngineLedger& engine, OpenReservation& reservation, std::uint32_t& budget) {
  reservation.ending = true;
  while (reservation.in_flight > 0) {
    if (budget == 0) return false;
    --budget;
    ReservedBatch& batch = reservation.batches[reservation.swept_batch];
    AbandonPosition(engine, reservation, batch.positions[reservation.swept_position]);
    if (++reservation.swept_position < batch.positions.size()) continue;
    ++reservation.swept_batch;
    reservation.swept_position = 0;
  }
  return true;
}

Result<bool> PoolImpl::AbandonAll(EngineHandle engine, std::uint64_t reservation_id,
                                  std::uint32_t budget) {
  Result<EngineLedger*> entered = EnterLiving(engine);
  if (!entered.ok()) return entered.status();
  EngineLedger& ledger = *entered.value();
  const auto found = ledger.reservations.find(reservation_id);
  if (found == ledger.reservations.end()) {
    PEGA_RETURN_IF_ERROR(Abandon(engine, reservation_id, {}));
    return true;
  }
  if (!Sweep(ledger, found->second, budget)) return false;
  ledger.reservations.erase(found);
  ledger.Finish(reservation_id);
  return true;
}

Result<bool> PoolImpl::EndStores(EngineHandle engine, std::uint32_t budget) {
  Result<EngineLedger*> entered = Enter(engine);
  if (!entered.ok()) return entered.status();
  EngineLedger& ledger = *entered.value();
  if (!ledger.leases_ended) {
    return Status(Code::kInvalidArgument,
                  "engine " + std::to_string(engine) + " still has leases; EndLeases comes first");
  }
  while (!ledger.reservations.empty()) {
    const auto newest = std::prev(ledger.reservations.end());
    if (budget == 0 || !Sweep(ledger, newest->second, budget)) return false;
    ledger.reservations.erase(newest);
    budget -= std::min(budget, 1u);
  }
  engines_.erase(engine);
  return true;
}

}  // namespace pega
