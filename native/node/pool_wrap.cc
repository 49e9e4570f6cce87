#include "node/pool_wrap.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "node/to_js.h"

namespace pega::node {

namespace {
constexpr std::uint32_t kNumaNodesMax = 64;
constexpr std::uint32_t kGiveBackMsMax = 3'600'000;
// For an object that was not closed by its owner: as long as a small pool takes.
constexpr std::chrono::milliseconds kGiveBack{1000};
}  // namespace

void PoolWrap::Register(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor =
      DefineClass(env, kName,
                  {InstanceMethod<&PoolWrap::StartFilling>("startFilling"),
                   InstanceMethod<&PoolWrap::Poll>("poll"),
                   InstanceMethod<&PoolWrap::FillProgressView>("fillProgress"),
                   InstanceMethod<&PoolWrap::MemoryView>("memory"),
                   InstanceMethod<&PoolWrap::CheckSlabs>("checkSlabs"),
                   InstanceMethod<&PoolWrap::OpenNamespace>("openNamespace"),
                   InstanceMethod<&PoolWrap::AddEngine>("addEngine"),
                   InstanceMethod<&PoolWrap::EndLeases>("endLeases"),
                   InstanceMethod<&PoolWrap::EndStores>("endStores"),
                   InstanceMethod<&PoolWrap::RaiseWatermark>("raiseWatermark"),
                   InstanceMethod<&PoolWrap::Lookup>("lookup"),
                   InstanceMethod<&PoolWrap::Lease>("lease"),
                   InstanceMethod<&PoolWrap::Release>("release"),
                   InstanceMethod<&PoolWrap::Reserve>("reserve"),
                   InstanceMethod<&PoolWrap::Seal>("seal"),
                   InstanceMethod<&PoolWrap::Abandon>("abandon"),
                   InstanceMethod<&PoolWrap::AbandonAll>("abandonAll"),
                   InstanceMethod<&PoolWrap::StatsView>("stats"),
                   InstanceMethod<&PoolWrap::NamespacesView>("namespaces"),
                   InstanceMethod<&PoolWrap::EnginesView>("engines"),
                   InstanceMethod<&PoolWrap::SlabsView>("slabs"),
                   InstanceMethod<&PoolWrap::CheckInvariants>("checkInvariants"),
                   InstanceMethod<&PoolWrap::Close>("close")});
  AddonState::Of(env).constructor(kClass) = Napi::Persistent(constructor);
  Napi::Object statics = Napi::Object::New(env);
  statics.Set("create", Napi::Function::New<&PoolWrap::Create>(env, "create"));
  exports.Set(kName, statics);
}

PoolWrap::PoolWrap(const Napi::CallbackInfo& info) : Wrapped(info) {
  auto* native = Adopt<std::unique_ptr<Pool>>(info);
  if (native == nullptr) return;
  pool_ = std::move(*native);
  closes_.emplace(info.Env(), [](void* self) { static_cast<PoolWrap*>(self)->CloseNow(kGiveBack); }, this);
  DefineConstants(info.Env(), info.This().As<Napi::Object>());
}

PoolWrap::~PoolWrap() { CloseNow(kGiveBack); }

Napi::Value PoolWrap::Create(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "Pool.create");
  const Napi::Object from = read.Object(info[0], "options");
  PoolOptions options;
  options.folder.pool_dir = read.String(read.Field(from, "poolDir"), "poolDir");
  options.folder.slab_dir = read.String(read.Field(from, "slabDir"), "slabDir");
  options.folder.group = read.String(read.Field(from, "group"), "group");
  options.pool_bytes = read.Integer(read.Field(from, "poolBytes"), "poolBytes", 1);
  options.slab_bytes = read.Integer(read.Field(from, "slabBytes"), "slabBytes");
  options.fill_threads = read.U32(read.Field(from, "fillThreads"), "fillThreads");
  options.huge_pages = read.Bool(read.Field(from, "hugePages"), "hugePages");
  const Napi::Value nodes = read.Field(from, "numaNodes");
  const std::uint32_t node_count = read.ArrayLength(nodes, "numaNodes", kNumaNodesMax);
  for (std::uint32_t i = 0; i < node_count; ++i) {
    options.numa_nodes.push_back(read.U32(read.Element(nodes, i), "numaNodes[]"));
  }
  options.numa_required = read.Bool(read.Field(from, "numaRequired"), "numaRequired");
  options.allow_any_filesystem =
      read.Bool(read.Field(from, "allowAnyFilesystem"), "allowAnyFilesystem");
  options.defer_fill = read.Bool(read.Field(from, "deferFill"), "deferFill");
  if (read.Failed()) return {};
  Result<std::unique_ptr<Pool>> pool = Pool::Create(options);
  if (!pool.ok()) return Throw(info.Env(), pool.status());
  return Wrap(info.Env(), std::move(pool).value());
}

Pool* PoolWrap::Open(Napi::Env env, const char* call) {
  if (!pool_) Throw(env, Closed(call));
  return pool_.get();
}

Napi::Value PoolWrap::StartFilling(const Napi::CallbackInfo& info) {
  Pool* pool = Open(info.Env(), "Pool.startFilling");
  if (pool == nullptr) return {};
  pool->StartFilling();
  return info.Env().Undefined();
}

Napi::Value PoolWrap::Poll(const Napi::CallbackInfo& info) {
  Pool* pool = Open(info.Env(), "Pool.poll");
  if (pool == nullptr) return {};
  pool->Poll();
  return info.Env().Undefined();
}

Napi::Value PoolWrap::CheckSlabs(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "Pool.checkSlabs");
  const std::uint32_t count = read.U32(info[0], "count", 0, kSlabOrdinalsMax);
  Pool* pool = Open(info.Env(), "Pool.checkSlabs");
  if (pool == nullptr || read.Failed()) return {};
  const std::vector<std::uint32_t> retired = pool->CheckSlabs(count);
  return ToArray(info.Env(), {retired.begin(), retired.end()});
}

Napi::Value PoolWrap::OpenNamespace(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "Pool.openNamespace");
  NamespaceSpec spec;
  const std::uint32_t ranks = read.ArrayLength(info[2], "rankSlotBytes", kRanksMax);
  for (std::uint32_t i = 0; i < ranks; ++i) {
    spec.rank_slot_bytes.push_back(read.Integer(read.Element(info[2], i), "rankSlotBytes[]", 1));
  }
  spec.hash_bytes = read.U32(info[1], "hashBytes", kHashBytesMin, kHashBytesMax);
  spec.digest = read.Exactly<kDigestBytes>(info[0], "digest");
  Pool* pool = Open(info.Env(), "Pool.openNamespace");
  if (pool == nullptr || read.Failed()) return {};
  const Result<NamespaceHandle> handle = pool->OpenNamespace(spec);
  if (!handle.ok()) return Throw(info.Env(), handle.status());
  namespaces_[handle.value()] = {spec.hash_bytes, ranks};
  return ToNumber(info.Env(), handle.value());
}

Napi::Value PoolWrap::AddEngine(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "Pool.addEngine");
  const std::uint32_t name_space = read.U32(info[0], "namespace");
  Pool* pool = Open(info.Env(), "Pool.addEngine");
  if (pool == nullptr || read.Failed()) return {};
  const auto shape = namespaces_.find(name_space);
  if (shape == namespaces_.end()) {
    return Throw(info.Env(), Status(Code::kNotFound, "Pool.addEngine: no namespace has handle " +
                                                         std::to_string(name_space)));
  }
  const Result<EngineHandle> handle = pool->AddEngine(name_space);
  if (!handle.ok()) return Throw(info.Env(), handle.status());
  engines_[handle.value()] = shape->second;
  return ToNumber(info.Env(), handle.value());
}

Napi::Value PoolWrap::EndLeases(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "Pool.endLeases");
  const std::uint32_t engine = read.U32(info[0], "engine");
  const std::uint32_t budget = read.U32(info[1], "budget", 1, kHashesPerBatch);
  Pool* pool = Open(info.Env(), "Pool.endLeases");
  if (pool == nullptr || read.Failed()) return {};
  const Result<bool> ended = pool->EndLeases(engine, budget);
  if (!ended.ok()) return Throw(info.Env(), ended.status());
  return Napi::Boolean::New(info.Env(), ended.value());
}

Napi::Value PoolWrap::EndStores(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "Pool.endStores");
  const std::uint32_t engine = read.U32(info[0], "engine");
  const std::uint32_t budget = read.U32(info[1], "budget", 1, kHashesPerBatch);
  Pool* pool = Open(info.Env(), "Pool.endStores");
  if (pool == nullptr || read.Failed()) return {};
  const Result<bool> ended = pool->EndStores(engine, budget);
  if (!ended.ok()) return Throw(info.Env(), ended.status());
  if (ended.value()) engines_.erase(engine);
  return Napi::Boolean::New(info.Env(), ended.value());
}

Napi::Value PoolWrap::RaiseWatermark(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "Pool.raiseWatermark");
  const std::uint32_t engine = read.U32(info[0], "engine");
  const std::uint64_t watermark = read.BigU64(info[1], "watermark");
  Pool* pool = Open(info.Env(), "Pool.raiseWatermark");
  if (pool == nullptr || read.Failed()) return {};
  const Status status = pool->RaiseWatermark(engine, watermark);
  return status.ok() ? info.Env().Undefined() : Throw(info.Env(), status);
}

Napi::Value PoolWrap::CheckInvariants(const Napi::CallbackInfo& info) {
  Pool* pool = Open(info.Env(), "Pool.checkInvariants");
  if (pool == nullptr) return {};
  const Status status = pool->CheckInvariants();
  return status.ok() ? info.Env().Undefined() : Throw(info.Env(), status);
}

Napi::Value PoolWrap::Close(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "close");
  const std::uint32_t give_back_ms = read.U32(info[0], "giveBackMs", 0, kGiveBackMsMax);
  if (read.Failed()) return {};
  const std::vector<std::string> left = CloseNow(std::chrono::milliseconds(give_back_ms));
  Napi::Array paths = Napi::Array::New(info.Env(), left.size());
  for (std::uint32_t i = 0; i < left.size(); ++i) {
    paths.Set(i, Napi::String::New(info.Env(), left[i]));
  }
  return paths;
}

std::vector<std::string> PoolWrap::CloseNow(std::chrono::milliseconds give_back) {
  closes_.reset();
  if (!pool_) return {};
  std::vector<std::string> left = pool_->Close(give_back);
  pool_.reset();
  return left;
}

}  // namespace pega::node
