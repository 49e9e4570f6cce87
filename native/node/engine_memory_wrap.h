// The addon's EngineMemory: an engine process's view of the pool (shared/engine_memory.h).
//
// Transfer engines stand on it: each counts itself in and out, and close() refuses while one is
// open, since the lock that it gives back tells the server that nothing touches the slots any more.
#pragma once

#include <memory>
#include <optional>

#include "node/wrapped.h"
#include "shared/engine_memory.h"

namespace pega::node {

class EngineMemoryWrap : public Wrapped<EngineMemoryWrap> {
 public:
  static constexpr WrappedClass kClass = WrappedClass::kEngineMemory;
  static constexpr const char* kName = "EngineMemory";

  static void Register(Napi::Env env, Napi::Object exports);
  explicit EngineMemoryWrap(const Napi::CallbackInfo& info);
  ~EngineMemoryWrap() override;

  // The memory, or null with an exception pending after close().
  EngineMemory* Open(Napi::Env env, const char* call);
  // Shared with transfer engines, which may be finalized after this object.
  const std::shared_ptr<std::uint32_t>& open_transfers() const { return open_transfers_; }

 private:
  static Napi::Value OpenNew(const Napi::CallbackInfo& info);

  Napi::Value BootNumber(const Napi::CallbackInfo& info);
  Napi::Value SlabCount(const Napi::CallbackInfo& info);
  Napi::Value Hold(const Napi::CallbackInfo& info);
  Napi::Value Drop(const Napi::CallbackInfo& info);
  Napi::Value HeldPages(const Napi::CallbackInfo& info);
  Napi::Value ReportReady(const Napi::CallbackInfo& info);
  Napi::Value AllRanksSync(const Napi::CallbackInfo& info);
  Napi::Value OpenSlabs(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  void CloseNow();

  std::shared_ptr<EngineMemory> memory_;
  std::shared_ptr<std::uint32_t> open_transfers_ = std::make_shared<std::uint32_t>(0);
  std::optional<ClosesWithEnvironment> closes_;
};

}  // namespace pega::node
