// The addon's Pool: pega::Pool with checked arguments. binding-types.ts has its JavaScript shape,
// pool/pool.h its meaning.
//
// Knows for each engine how long its hashes are and how many ranks it has, so that packed arguments
// can be cut. One thread, the JavaScript one. Not here: batching, and everything about processes.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "node/arguments.h"
#include "node/wrapped.h"
#include "pool/pool.h"

namespace pega::node {

class PoolWrap : public Wrapped<PoolWrap> {
 public:
  static constexpr WrappedClass kClass = WrappedClass::kPool;
  static constexpr const char* kName = "Pool";

  static void Register(Napi::Env env, Napi::Object exports);
  explicit PoolWrap(const Napi::CallbackInfo& info);
  ~PoolWrap() override;

 private:
  struct BlockShape {
    std::uint32_t hash_bytes = 0;
    std::uint32_t rank_count = 0;
  };
  // The hashes of one call, cut by the engine's namespace.
  struct Batch {
    Pool* pool = nullptr;
    std::uint32_t engine = 0;
    BlockShape shape;
    std::span<const std::uint8_t> hashes;
    std::size_t count = 0;
  };

  static Napi::Value Create(const Napi::CallbackInfo& info);

  Napi::Value StartFilling(const Napi::CallbackInfo& info);
  Napi::Value Poll(const Napi::CallbackInfo& info);
  Napi::Value CheckSlabs(const Napi::CallbackInfo& info);
  Napi::Value OpenNamespace(const Napi::CallbackInfo& info);
  Napi::Value AddEngine(const Napi::CallbackInfo& info);
  Napi::Value EndLeases(const Napi::CallbackInfo& info);
  Napi::Value EndStores(const Napi::CallbackInfo& info);
  Napi::Value RaiseWatermark(const Napi::CallbackInfo& info);
  Napi::Value CheckInvariants(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  // pool_blocks.cc: the calls of the path.
  Napi::Value Lookup(const Napi::CallbackInfo& info);
  Napi::Value Lease(const Napi::CallbackInfo& info);
  Napi::Value Release(const Napi::CallbackInfo& info);
  Napi::Value Reserve(const Napi::CallbackInfo& info);
  Napi::Value Seal(const Napi::CallbackInfo& info);
  Napi::Value Abandon(const Napi::CallbackInfo& info);
  Napi::Value AbandonAll(const Napi::CallbackInfo& info);

  // pool_views.cc: read only.
  void DefineConstants(Napi::Env env, Napi::Object object);
  Napi::Value FillProgressView(const Napi::CallbackInfo& info);
  Napi::Value MemoryView(const Napi::CallbackInfo& info);
  Napi::Value StatsView(const Napi::CallbackInfo& info);
  Napi::Value NamespacesView(const Napi::CallbackInfo& info);
  Napi::Value EnginesView(const Napi::CallbackInfo& info);
  Napi::Value SlabsView(const Napi::CallbackInfo& info);

  // The pool, or null with an exception pending after close().
  Pool* Open(Napi::Env env, const char* call);
  // The engine's shape; null with PEGA_NOT_FOUND pending.
  const BlockShape* ShapeOf(Napi::Env env, const char* call, std::uint32_t engine);
  std::optional<Batch> ReadBatch(const Napi::CallbackInfo& info, Arguments& read, const char* call,
                                 std::size_t hashes_index);
  std::vector<std::string> CloseNow(std::chrono::milliseconds give_back);

  std::unique_ptr<Pool> pool_;
  std::unordered_map<NamespaceHandle, BlockShape> namespaces_;
  std::unordered_map<EngineHandle, BlockShape> engines_;
  std::optional<ClosesWithEnvironment> closes_;
};

}  // namespace pega::node
