// The part of pega.h that opens an engine process's memory and holds its slots: EngineMemory behind C.
// Pointers and sizes are checked here; what they mean is checked by the rooms below.
#include <algorithm>
#include <memory>
#include <utility>

#include "c/codes.h"
#include "c/handles.h"
#include "c/pega.h"
#include "c/versioned_struct.h"

static_assert(sizeof(pega_slot) == sizeof(pega::SlotAddress));

namespace pega {
namespace {

constexpr std::uint32_t kOptionsBytesFirst = 96;  // pega_memory_options in ABI version 1
static_assert(sizeof(pega_memory_options) == kOptionsBytesFirst);

constexpr char kNullMemory[] = "memory is NULL";

Result<EngineMemoryOptions> Options(const pega_memory_options* given) {
  Result<pega_memory_options> read = ReadVersioned(given, kOptionsBytesFirst, "options");
  if (!read.ok()) return read.status();
  const pega_memory_options& from = read.value();
  if (from.folder_path == nullptr || from.slab_path == nullptr) {
    return Status(Code::kInvalidArgument, "options.folder_path or options.slab_path is NULL");
  }
  EngineMemoryOptions options{.folder_path = from.folder_path,
                              .slab_path = from.slab_path,
                              .hold = {},
                              .boot = from.boot_number};
  std::copy_n(from.pool_id, kPoolIdBytes, options.hold.pool_id.begin());
  std::copy_n(from.engine_id, kEngineIdBytes, options.hold.engine_id.begin());
  std::copy_n(from.nonce, kNonceBytes, options.hold.nonce.begin());
  options.hold.record = from.record;
  options.hold.rank_count = from.rank_count;
  options.hold.slab_bytes = from.slab_bytes;
  options.hold.ordinal_capacity = from.ordinal_capacity;
  return options;
}

Status CheckSlots(const pega_memory* memory, const pega_slot* slots, std::uint64_t slot_count) {
  if (memory == nullptr) return Status(Code::kInvalidArgument, kNullMemory);
  if (slots == nullptr && slot_count > 0) return Status(Code::kInvalidArgument, "slots is NULL");
  return Status::Ok();
}

std::span<const SlotAddress> Slots(const pega_slot* slots, std::uint64_t slot_count) {
  return {reinterpret_cast<const SlotAddress*>(slots), slot_count};
}

// For calls that write one result.
template <typename T>
Status CheckResult(const pega_memory* memory, const T* result) {
  if (memory == nullptr) return Status(Code::kInvalidArgument, kNullMemory);
  if (result == nullptr) return Status(Code::kInvalidArgument, "the result's pointer is NULL");
  return Status::Ok();
}

}  // namespace
}  // namespace pega

using pega::Status;
using pega::Tell;

extern "C" {

int pega_memory_open(const pega_memory_options* options, pega_memory** memory) {
  if (memory == nullptr) return pega::Refuse("memory is NULL");
  const pega::Result<pega::EngineMemoryOptions> read = pega::Options(options);
  if (!read.ok()) return Tell(read.status());
  pega::Result<std::shared_ptr<pega::EngineMemory>> engine = pega::EngineMemory::Open(read.value());
  if (!engine.ok()) return Tell(engine.status());
  auto handle = std::make_unique<pega_memory>();
  handle->engine = std::move(engine).value();
  handle->slab_bytes = read.value().hold.slab_bytes;
  *memory = handle.release();
  return PEGA_OK;
}

int pega_memory_boot_number(const pega_memory* memory, uint64_t* boot_number) {
  if (const Status bad = pega::CheckResult(memory, boot_number); !bad.ok()) return Tell(bad);
  *boot_number = memory->engine->HeaderBoot();
  return PEGA_OK;
}

int pega_memory_hold(pega_memory* memory, const pega_slot* slots, uint64_t slot_count,
                     uint64_t slot_bytes) {
  if (const Status bad = pega::CheckSlots(memory, slots, slot_count); !bad.ok()) return Tell(bad);
  return Tell(memory->engine->Hold(pega::Slots(slots, slot_count), slot_bytes));
}

int pega_memory_drop(pega_memory* memory, const pega_slot* slots, uint64_t slot_count,
                     uint64_t slot_bytes) {
  if (const Status bad = pega::CheckSlots(memory, slots, slot_count); !bad.ok()) return Tell(bad);
  return Tell(memory->engine->Drop(pega::Slots(slots, slot_count), slot_bytes));
}

int pega_memory_held_pages(const pega_memory* memory, uint64_t* pages) {
  if (const Status bad = pega::CheckResult(memory, pages); !bad.ok()) return Tell(bad);
  *pages = memory->engine->HeldPages();
  return PEGA_OK;
}

int pega_memory_open_slabs(pega_memory* memory, uint32_t* slabs_ready) {
  if (const Status bad = pega::CheckResult(memory, slabs_ready); !bad.ok()) return Tell(bad);
  const pega::Result<std::uint32_t> reached = memory->engine->OpenSlabs();
  if (!reached.ok()) return Tell(reached.status());
  *slabs_ready = reached.value();
  return PEGA_OK;
}

int pega_memory_report_ready(pega_memory* memory, uint64_t slabs_ready, int sync_loads) {
  if (memory == nullptr) return pega::Refuse(pega::kNullMemory);
  return Tell(memory->engine->ReportReady(slabs_ready, sync_loads != 0));
}

int pega_memory_all_ranks_sync(const pega_memory* memory, int* all) {
  if (const Status bad = pega::CheckResult(memory, all); !bad.ok()) return Tell(bad);
  *all = memory->engine->AllRanksSync() ? 1 : 0;
  return PEGA_OK;
}

int pega_memory_ranks_ready(const pega_memory* memory, uint64_t* slabs_ready_min, int* sync) {
  if (const Status bad = pega::CheckResult(memory, slabs_ready_min); !bad.ok()) return Tell(bad);
  if (const Status bad = pega::CheckResult(memory, sync); !bad.ok()) return Tell(bad);
  *sync = memory->engine->AllRanksSync() ? 1 : 0;  // first: it vouches for the count
  *slabs_ready_min = memory->engine->SlabsReadyMin();
  return PEGA_OK;
}

int pega_memory_engine_idle(const pega_memory* memory, int* idle) {
  if (const Status bad = pega::CheckResult(memory, idle); !bad.ok()) return Tell(bad);
  const pega::Result<bool> found = memory->engine->EngineIdle();
  if (!found.ok()) return Tell(found.status());
  *idle = found.value() ? 1 : 0;
  return PEGA_OK;
}

int pega_memory_close(pega_memory* memory) {
  if (memory == nullptr) return PEGA_OK;
  if (const std::uint32_t open = memory->transfers; open > 0) {
    return pega::Refuse(std::to_string(open) +
                        " transfers on this memory are open: close them first");
  }
  const std::unique_ptr<pega_memory> handle(memory);
  handle->engine->Close();
  return PEGA_OK;
}

}  // extern "C"
