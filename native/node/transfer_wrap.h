// The addon's TransferEngine: jobs in, promises of their groups' ends out
// (transfer/transfer_engine.h).
//
// Keeps alive what its copies touch: the EngineMemory, and the `allocations` array with everything
// reachable from it. While a job is open the engine keeps itself and the process alive. Who
// transfers a Buffer's memory away (postMessage) while it is registered breaks the contract of
// `allocations`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "node/group_end_channel.h"
#include "node/transfer_job_wrap.h"
#include "node/wrapped.h"
#include "transfer/transfer_engine.h"

namespace pega::node {

class TransferWrap : public Wrapped<TransferWrap> {
 public:
  static constexpr WrappedClass kClass = WrappedClass::kTransferEngine;
  static constexpr const char* kName = "TransferEngine";

  static void Register(Napi::Env env, Napi::Object exports);
  explicit TransferWrap(const Napi::CallbackInfo& info);
  ~TransferWrap() override;

 private:
  struct Native {
    std::shared_ptr<TransferEngine> engine;
    std::shared_ptr<std::uint32_t> open_transfers;  // the memory's count
    std::uint64_t slot_bytes = 0;
    std::uint32_t layer_count = 0;
    Napi::Object memory;
    Napi::Object allocations;
  };
  static Napi::Value Create(const Napi::CallbackInfo& info);

  Napi::Value Submit(const Napi::CallbackInfo& info);
  Napi::Value Stats(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  void OnGroupEnds(const std::vector<GroupEnd>& ends);
  void RetainWhileOpen(std::size_t jobs_before);
  // After Drain: fails what is left and lets everything go. Again: no effect.
  void FinishClose();
  // When the environment ends or the object is collected: as FinishClose, without promises.
  void CloseNow();

  napi_env env_ = nullptr;
  std::shared_ptr<TransferEngine> engine_;  // null when closed
  bool closing_ = false;
  std::shared_ptr<std::uint32_t> open_transfers_;
  std::shared_ptr<GroupEndChannel> channel_;
  std::unordered_map<JobId, std::shared_ptr<JobState>> jobs_;  // not over yet
  Napi::ObjectReference memory_;
  Napi::ObjectReference allocations_;
  std::optional<ClosesWithEnvironment> closes_;
};

}  // namespace pega::node
