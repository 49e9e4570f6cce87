#include "shared/engine_memory.h"

#include <algorithm>
#include <utility>

namespace pega {
namespace {

Status Closed() { return Status(Code::kCancelled, "this engine memory was closed"); }

// The header is what Register described. The boot number is read again last: a server that starts
// writes it first, so an equal one proves that pool id and slab bytes were read of this boot.
Status CheckHeader(const HeaderView& header, const EngineMemoryOptions& options) {
  const bool same_pool = header.pool_id() == options.hold.pool_id;
  const std::uint64_t slab_bytes = header.slab_bytes();
  const std::uint64_t boot = header.boot_number();
  if (boot != options.boot) {
    return Status(Code::kStaleBoot, "the pool's header has boot number " + std::to_string(boot) +
                                        ", the registration has " + std::to_string(options.boot));
  }
  if (!same_pool) {
    return Status(Code::kStaleBoot, "the pool's header has another pool id than the registration");
  }
  if (slab_bytes != options.hold.slab_bytes) {
    return Status(Code::kInvalidArgument, "slab bytes: the pool has " + std::to_string(slab_bytes) +
                                              ", the options say " +
                                              std::to_string(options.hold.slab_bytes));
  }
  return Status::Ok();
}

}  // namespace

Result<std::shared_ptr<EngineMemory>> EngineMemory::Open(const EngineMemoryOptions& options) {
  Result<PoolFolder> folder = PoolFolder::Open(options.folder_path, options.slab_path);
  if (!folder.ok()) return folder.status();
  Result<std::unique_ptr<HeaderView>> header = HeaderView::Open(folder.value());
  if (!header.ok()) return header.status();
  PEGA_RETURN_IF_ERROR(CheckHeader(*header.value(), options));

  Parts parts;
  parts.header = std::move(header).value();
  Result<std::shared_ptr<HoldFile>> hold = HoldFile::CreateOrJoin(folder.value(), options.hold);
  if (!hold.ok()) return hold.status();
  parts.hold = std::move(hold).value();
  Result<std::shared_ptr<SlabSet>> slabs =
      SlabSet::Open(folder.value(), parts.header, options.boot);
  if (!slabs.ok()) return slabs.status();
  parts.slabs = std::move(slabs).value();
  return std::shared_ptr<EngineMemory>(new EngineMemory(options.boot, std::move(parts)));
}

EngineMemory::Parts EngineMemory::Use() const {
  const std::lock_guard lock(mutex_);
  return parts_;
}

std::uint64_t EngineMemory::HeaderBoot() const {
  const Parts parts = Use();
  return parts.header ? parts.header->boot_number() : 0;
}

std::uint32_t EngineMemory::SlabCount() const {
  const Parts parts = Use();
  return parts.slabs ? parts.slabs->slab_count() : 0;
}

Status EngineMemory::Hold(std::span<const SlotAddress> slots, std::uint64_t slot_bytes) {
  const Parts parts = Use();
  if (!parts.hold) return Closed();
  return parts.hold->Hold(slots, slot_bytes, *parts.header, boot_);
}

Status EngineMemory::Drop(std::span<const SlotAddress> slots, std::uint64_t slot_bytes) {
  const Parts parts = Use();
  if (!parts.hold) return Closed();
  return parts.hold->Drop(slots, slot_bytes);
}

std::uint64_t EngineMemory::HeldPages() const {
  const Parts parts = Use();
  return parts.hold ? parts.hold->HeldPages() : 0;
}

Status EngineMemory::ReportReady(std::uint64_t slabs_ready, bool sync_loads) {
  const Parts parts = Use();
  if (!parts.hold) return Closed();
  parts.hold->ReportReady(slabs_ready, sync_loads, boot_);
  return Status::Ok();
}

bool EngineMemory::AllRanksSync() const {
  const Parts parts = Use();
  return parts.hold && parts.hold->AllRanksSync();
}

std::uint64_t EngineMemory::SlabsReadyMin() const {
  const Parts parts = Use();
  return parts.hold ? parts.hold->SlabsReadyMin() : 0;
}

Result<bool> EngineMemory::EngineIdle() const {
  const Parts parts = Use();
  if (!parts.hold) return Closed();
  return parts.hold->EngineIdle();
}

Result<std::uint32_t> EngineMemory::OpenSlabs() {
  const Parts parts = Use();
  if (!parts.slabs) return Closed();
  const std::uint32_t count = parts.slabs->slab_count();
  std::uint32_t reached = count;
  for (std::uint32_t ordinal = 0; ordinal < count; ++ordinal) {
    const Result<std::shared_ptr<SlabFile>> slab = parts.slabs->Slab(ordinal);
    if (slab.ok()) continue;
    if (slab.status().code() == Code::kStaleBoot) return slab.status();
    reached = std::min(reached, ordinal);  // later ones are opened all the same
  }
  return reached;
}

Result<std::shared_ptr<SlabSet>> EngineMemory::slabs() const {
  const Parts parts = Use();
  if (!parts.slabs) return Closed();
  return parts.slabs;
}

void EngineMemory::Close() {
  Parts gone;
  {
    const std::lock_guard lock(mutex_);
    gone = std::exchange(parts_, Parts{});
  }
  gone.slabs.reset();
  gone.header.reset();
  gone.hold.reset();
}

}  // namespace pega
