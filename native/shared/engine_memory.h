// EngineMemory: what one process of an engine holds of a pool for one boot of the server: the
// header's view, its hold file, its slabs. The C interface and the addon both stand on it.
//
// Order of life: Open after Register; transfer engines on slabs() next; they end first; then Close,
// which lets go of the slabs, then the header, then the hold file. The lock goes last because a
// free lock tells the server that this process touches no slot any more (PROTOCOL §2). Close leaves
// the bits of slots that still have a use: another process of the engine may be using them.
// When the boot number changes, nothing here becomes valid again: close it and register anew.
//
// Thread safety: any thread. After Close every call that can fail fails with kCancelled.
// Not here: gRPC, and watching the boot number (its owner asks for it).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "base/slot_address.h"
#include "base/status.h"
#include "shared/hold_file.h"
#include "shared/pool_header.h"
#include "shared/slab_set.h"

namespace pega {

struct EngineMemoryOptions {  // all from Register's answer, but `hold.record`
  std::string folder_path;    // full paths of the pega-UID folders
  std::string slab_path;
  HoldSpec hold;
  std::uint64_t boot = 0;
};

class EngineMemory {
 public:
  // kStaleBoot if the header is of another boot or pool; kInvalidArgument if it has other slab
  // bytes; what HeaderView, HoldFile and SlabSet return otherwise.
  static Result<std::shared_ptr<EngineMemory>> Open(const EngineMemoryOptions& options);

  std::uint64_t boot() const { return boot_; }  // the one it was opened for
  std::uint64_t HeaderBoot() const;             // the header's now; 0: removed, or closed
  std::uint32_t SlabCount() const;              // published so far; 0 when closed

  Status Hold(std::span<const SlotAddress> slots, std::uint64_t slot_bytes);
  Status Drop(std::span<const SlotAddress> slots, std::uint64_t slot_bytes);
  std::uint64_t HeldPages() const;
  Status ReportReady(std::uint64_t slabs_ready, bool sync_loads);
  bool AllRanksSync() const;
  std::uint64_t SlabsReadyMin() const;
  // No slot of the engine is held, by whichever of its processes. After the header's boot number
  // has changed, true stays true: no new hold can succeed.
  Result<bool> EngineIdle() const;

  // Opens every slab that is published; how many from the first on can be reached, up to one that
  // is retired or changed: whoever grants a synchronous load goes by it. kStaleBoot ends it.
  Result<std::uint32_t> OpenSlabs();
  // For a Device. kCancelled after Close.
  Result<std::shared_ptr<SlabSet>> slabs() const;

  void Close();

 private:
  struct Parts {
    std::shared_ptr<HoldFile> hold;  // members go in reverse order: slabs, header, hold
    std::shared_ptr<HeaderView> header;
    std::shared_ptr<SlabSet> slabs;
  };

  EngineMemory(std::uint64_t boot, Parts parts) : boot_(boot), parts_(std::move(parts)) {}
  Parts Use() const;

  const std::uint64_t boot_;
  mutable std::mutex mutex_;
  Parts parts_;  // guarded by mutex_; all empty when closed
};

}  // namespace pega
