// Lookup, Lease, Release and the end of an engine's leases.
#include <algorithm>

#include "pool/pool_impl.h"

namespace pega {

Status PoolImpl::CheckHashes(const NameSpace& ns, std::span<const std::uint8_t> hashes,
                             std::size_t answers) const {
  const std::size_t hash_bytes = ns.index.hash_bytes();
  if (hashes.size() % hash_bytes != 0) {
    return Status(Code::kInvalidArgument, "hashes has " + std::to_string(hashes.size()) +
                                              " bytes; the namespace's hashes have " +
                                              std::to_string(hash_bytes) + " each");
  }
  const std::size_t count = hashes.size() / hash_bytes;
  if (count > kHashesPerBatch) {
    return Status(Code::kInvalidArgument,
                  "hashes has " + std::to_string(count) + " blocks; one call takes at most 1,024");
  }
  if (answers < count) {
    return Status(Code::kInvalidArgument, "the answer has room for " + std::to_string(answers) +
                                              " blocks of " + std::to_string(count));
  }
  return Status::Ok();
}

Status PoolImpl::Lookup(EngineHandle engine, std::span<const std::uint8_t> hashes,
                        std::span<std::uint8_t> sealed) {
  Result<EngineLedger*> entered = EnterLiving(engine);
  if (!entered.ok()) return entered.status();
  NameSpace& ns = blocks_.name_space(entered.value()->name_space());
  PEGA_RETURN_IF_ERROR(CheckHashes(ns, hashes, sealed.size()));
  const std::span<std::uint32_t> ids(ids_.data(), hashes.size() / ns.index.hash_bytes());
  ns.index.FindBatch(hashes, ids);
  // Tail first, so that the head ends up warmest and the end of a chain is evicted first.
  for (std::size_t i = ids.size(); i-- > 0;) {
    sealed[i] = blocks_.Found(ns, ids[i]) ? 1 : 0;
    if (sealed[i] != 0) blocks_.Touch(ns, ids[i], tick_);
  }
  return Status::Ok();
}

Result<std::uint32_t> PoolImpl::Lease(EngineHandle engine, std::uint64_t lease_id, bool first,
                                      std::span<const std::uint8_t> hashes,
                                      std::span<SlotAddress> slots) {
  Result<EngineLedger*> entered = EnterLiving(engine);
  if (!entered.ok()) return entered.status();
  EngineLedger& ledger = *entered.value();
  NameSpace& ns = blocks_.name_space(ledger.name_space());
  const std::uint32_t ranks = ns.index.rank_count();
  PEGA_RETURN_IF_ERROR(CheckHashes(ns, hashes, slots.size() / ranks));
  if (first) {
    PEGA_RETURN_IF_ERROR(ledger.MayBegin(lease_id));
    ledger.leases.try_emplace(lease_id);
  }
  const auto found = ledger.leases.find(lease_id);
  if (found == ledger.leases.end() || found->second.ending) {
    return Status(Code::kNotFound, "lease " + std::to_string(lease_id) + " is not open");
  }
  OpenLease& lease = found->second;
  const std::span<std::uint32_t> ids(ids_.data(), hashes.size() / ns.index.hash_bytes());
  ns.index.FindBatch(hashes, ids);
  std::uint32_t granted = 0;
  for (const std::uint32_t id : ids) {
    if (!blocks_.Found(ns, id)) break;
    if (ledger.leased_blocks >= kLeasedBlocksPerEngineMax) break;
    if (!ledger.Uses(id) && ledger.held_bytes() + ns.block_bytes > HoldLimitBytes()) break;
    ledger.AddUse(id);
    blocks_.Pin(ns, id);
    lease.blocks.push_back(id);
    ++ledger.leased_blocks;
    std::ranges::copy(ns.index.slots(id), slots.begin() + std::size_t{granted} * ranks);
    ++granted;
  }
  queried_total_ += ids.size();
  hit_total_ += granted;
  return granted;
}

bool PoolImpl::Unwind(EngineLedger& engine, OpenLease& lease, std::uint32_t& budget) {
  NameSpace& ns = blocks_.name_space(engine.name_space());
  lease.ending = true;
  for (; budget > 0 && !lease.blocks.empty(); --budget) {
    const std::uint32_t id = lease.blocks.back();
    lease.blocks.pop_back();
    --engine.leased_blocks;
    if (lease.blocks.empty()) lease.ancestor = ns.index.entry(id).parent;
    engine.DropUse(id);
    blocks_.Unpin(ns, id, tick_);
  }
  if (!lease.blocks.empty()) return false;
  // The blocks before the leased ones (the engine had those itself) must not become colder than
  // these: without them the leased ones are worth nothing.
  for (; ns.index.Lives(lease.ancestor); --budget) {
    if (budget == 0) return false;
    const std::uint32_t id = lease.ancestor.id;
    blocks_.Touch(ns, id, tick_);
    lease.ancestor = ns.index.entry(id).parent;
  }
  return true;
}

Result<bool> PoolImpl::Release(EngineHandle engine, std::uint64_t lease_id, std::uint32_t budget) {
  Result<EngineLedger*> entered = EnterLiving(engine);
  if (!entered.ok()) return entered.status();
  EngineLedger& ledger = *entered.value();
  const auto found = ledger.leases.find(lease_id);
  if (found == ledger.leases.end()) {
    if (ledger.reservations.contains(lease_id)) {
      return Status(Code::kIdReused, "id " + std::to_string(lease_id) + " is a reservation");
    }
    if (!ledger.IsOver(lease_id)) PEGA_RETURN_IF_ERROR(ledger.AddTombstone(lease_id));
    return true;
  }
  if (!Unwind(ledger, found->second, budget)) return false;
  ledger.leases.erase(found);
  ledger.Finish(lease_id);
  return true;
}

Result<bool> PoolImpl::EndLeases(EngineHandle engine, std::uint32_t budget) {
  Result<EngineLedger*> entered = Enter(engine);
  if (!entered.ok()) return entered.status();
  EngineLedger& ledger = *entered.value();
  ledger.ending = true;
  while (!ledger.leases.empty()) {
    const auto newest = std::prev(ledger.leases.end());
    if (budget == 0 || !Unwind(ledger, newest->second, budget)) return false;
    ledger.leases.erase(newest);
    budget -= std::min(budget, 1u);  // a lease without blocks is work too
  }
  ledger.leases_ended = true;
  return true;
}

Status PoolImpl::RaiseWatermark(EngineHandle engine, std::uint64_t watermark) {
  Result<EngineLedger*> entered = EnterLiving(engine);
  if (!entered.ok()) return entered.status();
  entered.value()->RaiseWatermark(watermark);
  return Status::Ok();
}

}  // namespace pega
