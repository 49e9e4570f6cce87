// PoolImpl: composes the parts of the pool. pool.h has the contract.
//
//   pool.cc         life, slabs, namespaces, engines
//   pool_leases.cc  Lookup, Lease, Release
//   pool_stores.cc  Reserve, Seal, Abandon
//   pool_views.cc   statistics
//   pool_audit.cc   CheckInvariants
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pool/blocks.h"
#include "pool/engine_ledger.h"
#include "pool/pool.h"
#include "pool/slab_cleanup.h"
#include "pool/slab_filler.h"
#include "pool/slab_table.h"
#include "pool/slot_classes.h"
#include "pool/slot_supply.h"
#include "shared/mark_file.h"
#include "shared/pool_header.h"

namespace pega {

class PoolImpl final : public Pool {
 public:
  struct Parts {
    PoolFolder folder;
    std::unique_ptr<ServerHeader> header;
    std::unique_ptr<MarkFile> marks;
    std::unique_ptr<SlabTable> slabs;
    std::uint64_t slab_bytes = 0;
    FillPlan fill;
  };
  explicit PoolImpl(Parts parts);

  std::uint64_t boot_number() const override { return boot_number_; }
  const PoolId& pool_id() const override { return pool_id_; }
  const PoolFolder& folder() const override { return folder_; }
  std::uint64_t slab_bytes() const override { return slab_bytes_; }
  std::uint32_t slabs_total() const override { return slabs_->size(); }
  std::uint32_t ordinal_capacity() const override { return slabs_->size(); }

  void StartFilling() override;
  void Poll() override;
  FillProgress fill_progress() const override;
  PoolMemory memory() const override { return memory_; }
  std::vector<std::uint32_t> CheckSlabs(std::uint32_t count) override;

  Result<NamespaceHandle> OpenNamespace(const NamespaceSpec& spec) override;
  Result<EngineHandle> AddEngine(NamespaceHandle name_space) override;
  Result<bool> EndLeases(EngineHandle engine, std::uint32_t budget) override;
  Result<bool> EndStores(EngineHandle engine, std::uint32_t budget) override;
  Status RaiseWatermark(EngineHandle engine, std::uint64_t watermark) override;

  Status Lookup(EngineHandle engine, std::span<const std::uint8_t> hashes,
                std::span<std::uint8_t> sealed) override;
  Result<std::uint32_t> Lease(EngineHandle engine, std::uint64_t lease_id, bool first,
                              std::span<const std::uint8_t> hashes,
                              std::span<SlotAddress> slots) override;
  Result<bool> Release(EngineHandle engine, std::uint64_t lease_id, std::uint32_t budget) override;

  Status Reserve(EngineHandle engine, std::uint64_t reservation_id, bool first,
                 std::span<const std::uint8_t> parent_hash, std::span<const std::uint8_t> hashes,
                 std::span<ReserveOutcome> outcomes, std::span<ReservedSlot> slots) override;
  Result<std::uint32_t> Seal(EngineHandle engine, std::uint64_t reservation_id,
                             const SealRequest& request) override;
  Status Abandon(EngineHandle engine, std::uint64_t reservation_id,
                 std::span<const std::uint32_t> indices) override;
  Result<bool> AbandonAll(EngineHandle engine, std::uint64_t reservation_id,
                          std::uint32_t budget) override;

  PoolStats stats() const override;
  std::vector<NamespaceStats> namespaces() const override;
  std::vector<EngineStats> engines() const override;
  std::vector<SlabStats> slabs() const override;
  Status CheckInvariants() const override;
  std::vector<std::string> Close(std::chrono::milliseconds give_back) override;

 private:
  // Begins every call: a new tick, finished slabs, clean-up. Gives the engine, or says why not.
  Result<EngineLedger*> Enter(EngineHandle engine);
  Result<EngineLedger*> EnterLiving(EngineHandle engine);  // refuses one whose end has begun
  Status CheckHashes(const NameSpace& ns, std::span<const std::uint8_t> hashes,
                     std::size_t answers) const;
  std::uint64_t HoldLimitBytes() const { return slabs_->size() * slab_bytes_ / 2; }

  std::optional<NamespaceHandle> EmptyUnusedNamespace();

  // Unpins blocks of a lease from its end, then touches its ancestors; true when it is done.
  bool Unwind(EngineLedger& engine, OpenLease& lease, std::uint32_t& budget);

  // Reserve's steps.
  struct ReserveCall;
  void InsertMissing(ReserveCall& call);
  void GiveUpRest(ReserveCall& call, std::uint32_t room);
  void Record(ReserveCall& call, OpenReservation& reservation, std::span<ReservedSlot> slots);
  Status CheckSeal(OpenReservation& reservation, const SealRequest& request,
                   std::uint32_t ranks) const;
  void AbandonPosition(EngineLedger& engine, OpenReservation& reservation,
                       ReservedPosition& position);
  bool Sweep(EngineLedger& engine, OpenReservation& reservation, std::uint32_t& budget);

  Status CheckSlabBooks() const;
  Status CheckBlockBooks(const NameSpace& ns) const;
  Status CheckEngineBooks(const EngineLedger& engine) const;

  const PoolFolder folder_;
  const std::uint64_t slab_bytes_;
  std::unique_ptr<ServerHeader> header_;
  std::unique_ptr<MarkFile> marks_;
  std::unique_ptr<SlabTable> slabs_;
  const std::uint64_t boot_number_;
  const PoolId pool_id_;
  SlotClasses classes_;
  Blocks blocks_;
  SlabCleanup cleanup_;
  SlotSupply supply_;
  std::map<EngineHandle, std::unique_ptr<EngineLedger>> engines_;
  EngineHandle next_engine_ = 0;
  std::uint64_t tick_ = 0;
  std::uint32_t slabs_ready_ = 0;
  std::uint32_t slabs_retired_ = 0;
  std::uint32_t check_next_ = 0;
  std::uint64_t queried_total_ = 0, hit_total_ = 0, full_total_ = 0;
  std::uint32_t drain_budget_ = 0;  // evictions left to this call for slabs that leave
  bool closed_ = false;
  std::vector<std::uint32_t> ids_;  // of the batch in hand; kept so that no call allocates it
  FillProgress last_progress_;      // once closed
  PoolMemory memory_;
  std::unique_ptr<SlabFiller> filler_;
};

}  // namespace pega
