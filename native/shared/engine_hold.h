// EngineHold: one record of a hold file that this process has locked. hold_file.cc finds or makes
// the file and takes the lock; this is what a process does with it afterwards.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <mutex>

#include "shared/hold_file.h"
#include "shared/hold_uses.h"
#include "shared/once_file.h"
#include "shared/sparse_mapping.h"

namespace pega {

class EngineHold final : public HoldFile {
 public:
  // Takes over the lock of spec.record, which its destructor frees.
  EngineHold(OnceFile file, const HoldSpec& spec);
  ~EngineHold() override;

  bool IsAt(const std::string& path) const { return file_.IsAt(path); }
  // Checks that the file is this engine's, maps it, and writes the record. Before anything below.
  Status Attach();

  Status Hold(std::span<const SlotAddress> slots, std::uint64_t slot_bytes,
              const HeaderView& header, std::uint64_t boot) override;
  Status Drop(std::span<const SlotAddress> slots, std::uint64_t slot_bytes) override;
  std::uint64_t HeldPages() const override;
  void ReportReady(std::uint64_t slabs_ready, bool sync_loads, std::uint64_t boot_seen) override;
  bool AllRanksSync() const override;
  std::uint64_t SlabsReadyMin() const override;
  Result<bool> EngineIdle() const override;

 private:
  Status CheckFields() const;
  Status CheckSlots(std::span<const SlotAddress> slots, std::uint64_t slot_bytes) const;
  // Memory behind the bits of these slots.
  Status PrepareBits(std::span<const SlotAddress> slots, std::uint32_t slot_pages);
  std::uint64_t FirstBit(SlotAddress slot) const {
    return slot.slab_ordinal * slab_pages_ + slot.page;
  }
  std::uint64_t* Words() const;
  struct HoldRecord* Record(std::uint32_t record) const;

  const HoldSpec spec_;
  const std::uint64_t slab_pages_;
  const pid_t owner_;  // a forked child has neither the lock nor the mapping
  OnceFile file_;
  SparseMapping mapping_;
  mutable std::mutex mutex_;
  HoldUses uses_;  // guarded by mutex_, as are bits and the mapping's pages
};

}  // namespace pega
