#include "shared/engine_hold.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "shared/fence.h"
#include "shared/file_bytes.h"
#include "shared/hold_bits.h"
#include "shared/hold_layout.h"
#include "shared/hold_scan.h"

namespace pega {
namespace {

template <typename T>
void StoreShared(T& field, T value) {
  std::atomic_ref<T>(field).store(value, std::memory_order_seq_cst);
}
template <typename T>
T LoadShared(T& field) {
  return std::atomic_ref<T>(field).load(std::memory_order_seq_cst);
}

std::string Name(SlotAddress slot) {
  return "slot at slab " + std::to_string(slot.slab_ordinal) + ", page " +
         std::to_string(slot.page);
}

}  // namespace

EngineHold::EngineHold(OnceFile file, const HoldSpec& spec)
    : spec_(spec),
      slab_pages_(spec.slab_bytes / kPageBytes),
      owner_(::getpid()),
      file_(std::move(file)) {}

EngineHold::~EngineHold() {
  // The bits of uses that have not ended stay: a worker may still be copying through those slots.
  if (mapping_.address() != nullptr && owner_ == ::getpid()) {
    StoreShared(Record(spec_.record)->sync_loads, 0u);
    StoreShared(Record(spec_.record)->joined, 0u);
  }
  file_.UnlockByte(
      spec_.record);  // after the last write: a free byte means that this process ended
}

Status EngineHold::Attach() {
  PEGA_RETURN_IF_ERROR(CheckFields());
  const std::uint32_t record_count = 1 + spec_.rank_count;
  const std::uint64_t page_count = spec_.ordinal_capacity * slab_pages_;
  Result<SparseMapping> mapping =
      SparseMapping::Of(file_.fd(), HoldFileBytes(record_count, page_count));
  if (!mapping.ok()) return mapping.status();
  PEGA_RETURN_IF_ERROR(mapping.value().MakeReady(0, HoldBitsOffset(record_count)));
  mapping_ = std::move(mapping).value();

  // What a dead process left in this record goes first; its bits stay until the engine is dead,
  // because its workers may still copy.
  HoldRecord* const record = Record(spec_.record);
  StoreShared(record->joined, 0u);
  StoreShared(record->sync_loads, 0u);
  StoreShared(record->slabs_ready, std::uint64_t{0});
  StoreShared(record->boot_seen, std::uint64_t{0});
  FullFence();
  std::memcpy(record->nonce.data(), spec_.nonce.data(), spec_.nonce.size());
  FullFence();
  StoreShared(record->joined, 1u);
  return Status::Ok();
}

Status EngineHold::CheckFields() const {
  HoldFields fields{};
  struct stat found{};
  if (::fstat(file_.fd(), &found) != 0) return Status::Io("fstat of a hold file", errno);
  if (!ReadBytes(file_.fd(), 0, &fields, sizeof(fields)) || fields.magic != kHoldMagic) {
    return Status(Code::kNotSameHost, "the engine's hold file was not written by pega");
  }
  if (fields.layout_version != kSharedLayoutVersion) {
    return Status(Code::kLayoutVersion, "the engine's hold file has layout version " +
                                            std::to_string(fields.layout_version) +
                                            "; this pega has " +
                                            std::to_string(kSharedLayoutVersion));
  }
  const std::uint32_t record_count = 1 + spec_.rank_count;
  const std::uint64_t page_count = spec_.ordinal_capacity * slab_pages_;
  if (fields.record_count != record_count || fields.page_count != page_count ||
      fields.pool_id != spec_.pool_id || fields.engine_id != spec_.engine_id ||
      static_cast<std::uint64_t>(found.st_size) != HoldFileBytes(record_count, page_count)) {
    return Status(
        Code::kNotSameHost,
        "the engine's hold file has " + std::to_string(fields.record_count) + " records and " +
            std::to_string(fields.page_count) + " pages in " + std::to_string(found.st_size) +
            " bytes; required are this engine's and pool's ids, " + std::to_string(record_count) +
            " records and " + std::to_string(page_count) + " pages");
  }
  return Status::Ok();
}

Status EngineHold::CheckSlots(std::span<const SlotAddress> slots, std::uint64_t slot_bytes) const {
  if (spec_.record != 0) {
    return Status(Code::kInvalidArgument,
                  "slots are held through record 0, the scheduler's; this is " +
                      std::to_string(spec_.record));
  }
  if (slot_bytes == 0 || slot_bytes > spec_.slab_bytes) {
    return Status(Code::kInvalidArgument, "slot_bytes is " + std::to_string(slot_bytes) +
                                              "; it must be 1 to " +
                                              std::to_string(spec_.slab_bytes));
  }
  const std::uint64_t slot_pages = RoundUpToPage(slot_bytes) / kPageBytes;
  for (const SlotAddress slot : slots) {
    if (slot.slab_ordinal >= spec_.ordinal_capacity || slot.page + slot_pages > slab_pages_) {
      return Status(Code::kInvalidArgument, Name(slot) + " with " + std::to_string(slot_pages) +
                                                " pages is not in the pool");
    }
  }
  return Status::Ok();
}

Status EngineHold::PrepareBits(std::span<const SlotAddress> slots, std::uint32_t slot_pages) {
  const std::uint64_t bits_offset = HoldBitsOffset(1 + spec_.rank_count);
  for (const SlotAddress slot : slots) {
    const std::uint64_t first = FirstBit(slot) / 64 * 8;
    const std::uint64_t end = (FirstBit(slot) + slot_pages + 63) / 64 * 8;
    PEGA_RETURN_IF_ERROR(mapping_.MakeReady(bits_offset + first, end - first));
  }
  return Status::Ok();
}

Status EngineHold::Hold(std::span<const SlotAddress> slots, std::uint64_t slot_bytes,
                        const HeaderView& header, std::uint64_t boot) {
  PEGA_RETURN_IF_ERROR(CheckSlots(slots, slot_bytes));
  const auto slot_pages = static_cast<std::uint32_t>(RoundUpToPage(slot_bytes) / kPageBytes);
  const std::lock_guard<std::mutex> guard(mutex_);
  if (!uses_.Matches(slots, slot_pages)) {
    return Status(Code::kInvalidArgument, "a slot is in use with another size than " +
                                              std::to_string(slot_bytes) + " bytes");
  }
  PEGA_RETURN_IF_ERROR(PrepareBits(slots, slot_pages));
  for (const SlotAddress slot : uses_.Add(slots, slot_pages)) {
    SetBits(Words(), FirstBit(slot), slot_pages);
  }
  FullFence();  // a server that missed the bits has written its boot number before the next line
  const std::uint64_t now = header.boot_number();
  if (boot != 0 && now == boot) return Status::Ok();

  std::vector<SlotAddress> ended;
  static_cast<void>(uses_.Take(slots, ended));
  for (const SlotAddress slot : ended) ClearBits(Words(), FirstBit(slot), slot_pages);
  return Status(Code::kStaleBoot, "the server restarted: boot " + std::to_string(now) + " now, " +
                                      std::to_string(boot) + " in the grant");
}

Status EngineHold::Drop(std::span<const SlotAddress> slots, std::uint64_t slot_bytes) {
  PEGA_RETURN_IF_ERROR(CheckSlots(slots, slot_bytes));
  const auto slot_pages = static_cast<std::uint32_t>(RoundUpToPage(slot_bytes) / kPageBytes);
  const std::lock_guard<std::mutex> guard(mutex_);
  std::vector<SlotAddress> ended;
  if (!uses_.Matches(slots, slot_pages) || !uses_.Take(slots, ended)) {
    return Status(Code::kInvalidArgument, "a slot of " + std::to_string(slot_bytes) +
                                              " bytes is dropped more often than it was held");
  }
  for (const SlotAddress slot : ended) ClearBits(Words(), FirstBit(slot), slot_pages);
  return Status::Ok();
}

std::uint64_t EngineHold::HeldPages() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return uses_.held_pages();
}

void EngineHold::ReportReady(std::uint64_t slabs_ready, bool sync_loads, std::uint64_t boot_seen) {
  HoldRecord* const record = Record(spec_.record);
  if (!sync_loads) StoreShared(record->sync_loads, 0u);
  StoreShared(record->slabs_ready, slabs_ready);
  StoreShared(record->boot_seen, boot_seen);
  if (sync_loads) StoreShared(record->sync_loads, 1u);  // last: it vouches for the others
}

bool EngineHold::AllRanksSync() const {
  for (std::uint32_t rank = 0; rank < spec_.rank_count; ++rank) {
    HoldRecord* const record = Record(1 + rank);
    if (LoadShared(record->joined) == 0 || LoadShared(record->sync_loads) == 0) return false;
  }
  return true;
}

std::uint64_t EngineHold::SlabsReadyMin() const {
  std::uint64_t fewest = ~std::uint64_t{0};
  for (std::uint32_t rank = 0; rank < spec_.rank_count; ++rank) {
    HoldRecord* const record = Record(1 + rank);
    if (LoadShared(record->joined) == 0) return 0;
    fewest = std::min(fewest, LoadShared(record->slabs_ready));
  }
  return fewest;
}

Result<bool> EngineHold::EngineIdle() const {
  const std::uint32_t record_count = 1 + spec_.rank_count;
  const std::uint64_t page_count = spec_.ordinal_capacity * slab_pages_;
  const Result<std::uint64_t> held = CountHeldPages(
      file_.fd(), HoldBitsOffset(record_count), HoldFileBytes(record_count, page_count), 1);
  if (!held.ok()) return held.status();
  return held.value() == 0;
}

std::uint64_t* EngineHold::Words() const {
  return reinterpret_cast<std::uint64_t*>(mapping_.address() +
                                          HoldBitsOffset(1 + spec_.rank_count));
}

HoldRecord* EngineHold::Record(std::uint32_t record) const {
  return reinterpret_cast<HoldRecord*>(mapping_.address() + HoldRecordOffset(record));
}

}  // namespace pega
