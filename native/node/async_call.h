// RunAsync: one piece of native work on libuv's threads, and the promise of its outcome.
//
// `work` runs on a pool thread and touches nothing of JavaScript; `convert` makes the value on the
// JavaScript thread. Both are destroyed on the JavaScript thread, so they may own references. When
// the environment ends first, `convert` is never called. A running call keeps the process alive.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "node/errors.h"

namespace pega::node {

template <typename T>
class AsyncCall {
 public:
  using Work = std::function<Result<T>()>;
  using Convert = std::function<napi_value(Napi::Env, T&)>;

  // An empty value, with an exception pending, if the work can't be queued.
  static Napi::Value Start(napi_env env, const char* name, Work work, Convert convert) {
    auto call = std::make_unique<AsyncCall>(std::move(work), std::move(convert));
    napi_value promise = nullptr;
    napi_value resource_name = nullptr;
    napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &resource_name);
    const bool queued =
        napi_create_promise(env, &call->deferred_, &promise) == napi_ok &&
        napi_create_async_work(env, nullptr, resource_name, &AsyncCall::Execute,
                               &AsyncCall::Complete, call.get(), &call->handle_) == napi_ok &&
        napi_queue_async_work(env, call->handle_) == napi_ok;
    if (!queued) return Throw(env, Status(Code::kInternal, std::string(name) + ": not queued"));
    call.release();  // Complete owns it
    return {env, promise};
  }

  AsyncCall(Work work, Convert convert) : work_(std::move(work)), convert_(std::move(convert)) {}

 private:
  static void Execute(napi_env, void* self) {
    auto* call = static_cast<AsyncCall*>(self);
    call->result_.emplace(call->work_());
  }

  static void Complete(napi_env env, napi_status status, void* self) {
    std::unique_ptr<AsyncCall> call(static_cast<AsyncCall*>(self));
    if (status != napi_cancelled && call->result_) {
      if (call->result_->ok()) {
        napi_resolve_deferred(env, call->deferred_, call->convert_(env, call->result_->value()));
      } else {
        napi_reject_deferred(env, call->deferred_, ErrorOf(env, call->result_->status()));
      }
    }
    napi_delete_async_work(env, call->handle_);
  }

  Work work_;
  Convert convert_;
  std::optional<Result<T>> result_;
  napi_deferred deferred_ = nullptr;
  napi_async_work handle_ = nullptr;
};

template <typename T>
Napi::Value RunAsync(napi_env env, const char* name, typename AsyncCall<T>::Work work,
                     typename AsyncCall<T>::Convert convert) {
  return AsyncCall<T>::Start(env, name, std::move(work), std::move(convert));
}

}  // namespace pega::node
