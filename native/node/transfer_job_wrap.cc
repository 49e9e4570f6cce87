#include "node/transfer_job_wrap.h"

#include <utility>

#include "node/arguments.h"
#include "node/to_js.h"

namespace pega::node {
namespace {

void SettleOne(napi_env env, napi_deferred deferred, const Status& status) {
  if (status.ok()) {
    napi_value undefined = nullptr;
    napi_get_undefined(env, &undefined);
    napi_resolve_deferred(env, deferred, undefined);
  } else {
    napi_reject_deferred(env, deferred, ErrorOf(env, status));
  }
}

}  // namespace

napi_value JobState::Wait(napi_env env, End& end) {
  napi_deferred deferred = nullptr;
  napi_value promise = nullptr;
  if (napi_create_promise(env, &deferred, &promise) != napi_ok) return nullptr;
  if (end.ended) {
    SettleOne(env, deferred, end.status);
  } else {
    end.waiting.push_back(deferred);
  }
  return promise;
}

void JobState::Settle(napi_env env, End& end, const Status& status) {
  if (end.ended) return;
  end.ended = true;
  end.status = status;
  for (napi_deferred deferred : std::exchange(end.waiting, {})) SettleOne(env, deferred, status);
}

void JobState::GroupEnded(napi_env env, std::uint32_t group, const Status& status) {
  if (over() || group >= groups_.size() || groups_[group].ended) return;
  if (!status.ok()) {
    failure_ = status;
    for (End& end : groups_) Settle(env, end, status);
    Settle(env, done_, status);
    return;
  }
  --groups_left_;
  Settle(env, groups_[group], status);
  if (groups_left_ == 0) Settle(env, done_, status);
}

void TransferJobWrap::Register(Napi::Env env) {
  Napi::Function constructor = DefineClass(env, kName,
                                           {InstanceMethod<&TransferJobWrap::Group>("group"),
                                            InstanceMethod<&TransferJobWrap::Done>("done")});
  AddonState::Of(env).constructor(kClass) = Napi::Persistent(constructor);
}

TransferJobWrap::TransferJobWrap(const Napi::CallbackInfo& info) : Wrapped(info) {
  auto* native = Adopt<std::shared_ptr<JobState>>(info);
  if (native == nullptr) return;
  state_ = std::move(*native);
  info.This().As<Napi::Object>().DefineProperty(Napi::PropertyDescriptor::Value(
      "groups", ToNumber(info.Env(), state_->groups()), napi_enumerable));
}

Napi::Value TransferJobWrap::Group(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "TransferJob.group");
  const std::uint32_t group = read.U32(info[0], "index", 0, state_->groups() - 1);
  if (read.Failed()) return {};
  return {info.Env(), state_->WaitGroup(info.Env(), group)};
}

Napi::Value TransferJobWrap::Done(const Napi::CallbackInfo& info) {
  return {info.Env(), state_->WaitDone(info.Env())};
}

}  // namespace pega::node
