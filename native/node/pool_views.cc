// PoolWrap's read-only views: constants, progress and statistics as plain JavaScript objects.
#include <initializer_list>
#include <utility>

#include "node/pool_wrap.h"
#include "node/to_js.h"

namespace pega::node {
namespace {

using Counts = std::initializer_list<std::pair<const char*, std::uint64_t>>;

void SetCounts(Napi::Object object, const Counts& counts) {
  for (const auto& [name, count] : counts) object.Set(name, ToNumber(object.Env(), count));
}

const char* StateName(SlabStats::State state) {
  switch (state) {
    case SlabStats::State::kFree: return "free";
    case SlabStats::State::kCut: return "cut";
    case SlabStats::State::kDraining: return "draining";
    case SlabStats::State::kRetired: return "retired";
  }
  return "retired";
}

const char* PagesName(SlabPages pages) {
  switch (pages) {
    case SlabPages::kSmall: return "4k";
    case SlabPages::kHugeShmem: return "huge-shmem";
    case SlabPages::kHugetlb: return "hugetlb";
  }
  return "4k";
}

}  // namespace

void PoolWrap::DefineConstants(Napi::Env env, Napi::Object object) {
  Napi::Object folder = Napi::Object::New(env);
  folder.Set("path", pool_->folder().path());
  folder.Set("slabPath", pool_->folder().slab_path());
  const auto constant = [](const char* name, Napi::Value value) {
    return Napi::PropertyDescriptor::Value(name, value, napi_enumerable);
  };
  object.DefineProperties({constant("bootNumber", Napi::BigInt::New(env, pool_->boot_number())),
                           constant("poolId", ToBuffer<std::uint8_t>(env, pool_->pool_id())),
                           constant("folder", folder),
                           constant("slabBytes", ToNumber(env, pool_->slab_bytes())),
                           constant("slabsTotal", ToNumber(env, pool_->slabs_total())),
                           constant("ordinalCapacity", ToNumber(env, pool_->ordinal_capacity()))});
}

Napi::Value PoolWrap::FillProgressView(const Napi::CallbackInfo& info) {
  Pool* pool = Open(info.Env(), "Pool.fillProgress");
  if (pool == nullptr) return {};
  const FillProgress progress = pool->fill_progress();
  Napi::Object view = Napi::Object::New(info.Env());
  SetCounts(view, {{"filledBytes", progress.filled_bytes},
                   {"totalBytes", progress.total_bytes},
                   {"slabsReady", progress.slabs_ready},
                   {"slabsTotal", progress.slabs_total}});
  if (progress.error.ok()) {
    view.Set("error", info.Env().Null());
  } else {
    Napi::Object error = Napi::Object::New(info.Env());
    error.Set("code", CodeName(progress.error.code()));
    error.Set("message", progress.error.message());
    view.Set("error", error);
  }
  return view;
}

Napi::Value PoolWrap::MemoryView(const Napi::CallbackInfo& info) {
  Pool* pool = Open(info.Env(), "Pool.memory");
  if (pool == nullptr) return {};
  const PoolMemory memory = pool->memory();
  Napi::Object view = Napi::Object::New(info.Env());
  view.Set("pages", PagesName(memory.pages));
  view.Set("numaNodes", ToArray(info.Env(), {memory.numa_nodes.begin(), memory.numa_nodes.end()}));
  return view;
}

Napi::Value PoolWrap::StatsView(const Napi::CallbackInfo& info) {
  Pool* pool = Open(info.Env(), "Pool.stats");
  if (pool == nullptr) return {};
  const PoolStats stats = pool->stats();
  Napi::Object view = Napi::Object::New(info.Env());
  SetCounts(view, {{"poolBytes", stats.pool_bytes},
                   {"slabBytes", stats.slab_bytes},
                   {"usedBytes", stats.used_bytes},
                   {"pinnedBytes", stats.pinned_bytes},
                   {"indexBytes", stats.index_bytes},
                   {"blocksReserved", stats.blocks_reserved},
                   {"blocksSealed", stats.blocks_sealed},
                   {"blocksPinned", stats.blocks_pinned},
                   {"leases", stats.leases},
                   {"reservations", stats.reservations},
                   {"tombstones", stats.tombstones},
                   {"slabsReady", stats.slabs_ready},
                   {"slabsFree", stats.slabs_free},
                   {"slabsRetired", stats.slabs_retired},
                   {"queriedTotal", stats.queried_total},
                   {"hitTotal", stats.hit_total},
                   {"reservedTotal", stats.reserved_total},
                   {"sealedTotal", stats.sealed_total},
                   {"abandonedTotal", stats.abandoned_total},
                   {"evictedTotal", stats.evicted_total},
                   {"lostTotal", stats.lost_total},
                   {"fullTotal", stats.full_total}});
  return view;
}

Napi::Value PoolWrap::NamespacesView(const Napi::CallbackInfo& info) {
  Pool* pool = Open(info.Env(), "Pool.namespaces");
  if (pool == nullptr) return {};
  Napi::Array views = Napi::Array::New(info.Env());
  for (const NamespaceStats& stats : pool->namespaces()) {
    Napi::Object view = Napi::Object::New(info.Env());
    view.Set("digest", ToBuffer<std::uint8_t>(info.Env(), stats.digest));
    view.Set("rankSlotBytes", ToArray(info.Env(), stats.rank_slot_bytes));
    SetCounts(view, {{"handle", stats.handle},
                     {"hashBytes", stats.hash_bytes},
                     {"blocksReserved", stats.blocks_reserved},
                     {"blocksSealed", stats.blocks_sealed},
                     {"blocksPinned", stats.blocks_pinned},
                     {"usedBytes", stats.used_bytes}});
    views.Set(views.Length(), view);
  }
  return views;
}

Napi::Value PoolWrap::EnginesView(const Napi::CallbackInfo& info) {
  Pool* pool = Open(info.Env(), "Pool.engines");
  if (pool == nullptr) return {};
  Napi::Array views = Napi::Array::New(info.Env());
  for (const EngineStats& stats : pool->engines()) {
    Napi::Object view = Napi::Object::New(info.Env());
    SetCounts(view, {{"handle", stats.handle},
                     {"namespace", stats.name_space},
                     {"leases", stats.leases},
                     {"reservations", stats.reservations},
                     {"heldBytes", stats.held_bytes}});
    views.Set(views.Length(), view);
  }
  return views;
}

Napi::Value PoolWrap::SlabsView(const Napi::CallbackInfo& info) {
  Pool* pool = Open(info.Env(), "Pool.slabs");
  if (pool == nullptr) return {};
  Napi::Array views = Napi::Array::New(info.Env());
  for (const SlabStats& stats : pool->slabs()) {
    Napi::Object view = Napi::Object::New(info.Env());
    view.Set("state", StateName(stats.state));
    SetCounts(view, {{"ordinal", stats.ordinal},
                     {"namespace", stats.name_space},
                     {"slotBytes", stats.slot_bytes},
                     {"slots", stats.slots},
                     {"slotsUsed", stats.slots_used},
                     {"longestFreeRun", stats.longest_free_run}});
    views.Set(views.Length(), view);
  }
  return views;
}

}  // namespace pega::node
