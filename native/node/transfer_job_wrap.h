// TransferJob: the promises for one job's groups.
//
// JobState is what the engine's wrap and the JavaScript object share: which groups have ended and
// who waits. It is touched by the JavaScript thread alone. A failure nobody asked for rejects
// nothing: a promise exists only once group() or done() was called.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "node/wrapped.h"

namespace pega::node {

class JobState {
 public:
  explicit JobState(std::uint32_t groups) : groups_(groups) {}

  std::uint32_t groups() const { return static_cast<std::uint32_t>(groups_.size()); }
  // True when every group has ended, or one has failed.
  bool over() const { return groups_left_ == 0 || !failure_.ok(); }

  // A failure ends all groups that have not ended.
  void GroupEnded(napi_env env, std::uint32_t group, const Status& status);
  napi_value WaitGroup(napi_env env, std::uint32_t group) { return Wait(env, groups_[group]); }
  napi_value WaitDone(napi_env env) { return Wait(env, done_); }

 private:
  struct End {
    bool ended = false;
    Status status;
    std::vector<napi_deferred> waiting;
  };
  static napi_value Wait(napi_env env, End& end);
  static void Settle(napi_env env, End& end, const Status& status);

  std::vector<End> groups_;
  End done_;
  Status failure_;
  std::uint32_t groups_left_ = static_cast<std::uint32_t>(groups_.size());
};

class TransferJobWrap : public Wrapped<TransferJobWrap> {
 public:
  static constexpr WrappedClass kClass = WrappedClass::kTransferJob;
  static constexpr const char* kName = "TransferJob";

  static void Register(Napi::Env env);
  explicit TransferJobWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value Group(const Napi::CallbackInfo& info);
  Napi::Value Done(const Napi::CallbackInfo& info);

  std::shared_ptr<JobState> state_;
};

}  // namespace pega::node
