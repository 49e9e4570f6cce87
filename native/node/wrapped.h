// Wrapped<T>: a JavaScript object that owns a native one. Base of every class the addon exports.
//
// T gives `kClass`, `kName` and `Native` (what the object is made from) and calls Adopt() first in
// its constructor. Objects are made by T::Wrap only; `new` from JavaScript throws. `this` is
// checked by type tag before any method runs. Finalizers run on the JavaScript thread, in any
// order: a destructor must not touch another wrapped object.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "node/addon_state.h"
#include "node/errors.h"

namespace pega::node {

template <typename T>
class Wrapped : public Napi::ObjectWrap<T> {
 public:
  explicit Wrapped(const Napi::CallbackInfo& info) : Napi::ObjectWrap<T>(info) {}

  // Null, with an exception pending, when the object is not a T. Hides ObjectWrap's own, which
  // trusts its caller.
  static T* Unwrap(Napi::Object object) {
    T* wrapped = TryUnwrap(object);
    if (wrapped == nullptr) {
      Throw(object.Env(), Status(Code::kInvalidArgument,
                                 std::string("expected a ") + T::kName + " of this addon"));
    }
    return wrapped;
  }

  // Null when the value is not a T.
  static T* TryUnwrap(Napi::Value value) {
    if (!value.IsObject()) return nullptr;
    const napi_type_tag tag = AddonState::Of(value.Env()).tag(T::kClass);
    Napi::Object object = value.As<Napi::Object>();
    return object.CheckTypeTag(&tag) ? Napi::ObjectWrap<T>::Unwrap(object) : nullptr;
  }

  // An empty value, with an exception pending, if JavaScript can't make the object.
  template <typename Native>
  static Napi::Value Wrap(Napi::Env env, Native native) {
    AddonState& state = AddonState::Of(env);
    state.pending = &native;
    Napi::Value object = state.constructor(T::kClass).New({});
    state.pending = nullptr;
    return object;
  }

 protected:
  // What Wrap was given; null, with an exception pending, when JavaScript called `new`.
  template <typename Native>
  static Native* Adopt(const Napi::CallbackInfo& info) {
    AddonState& state = AddonState::Of(info.Env());
    auto* native = static_cast<Native*>(std::exchange(state.pending, nullptr));
    if (native == nullptr) {
      Throw(info.Env(),
            Status(Code::kInvalidArgument, std::string(T::kName) + " can't be made with `new`"));
      return nullptr;
    }
    const napi_type_tag tag = state.tag(T::kClass);
    info.This().As<Napi::Object>().TypeTag(&tag);
    return native;
  }

  static Status Closed(const char* call) {
    return Status(Code::kCancelled, std::string(call) + ": the object is closed");
  }
};

// Runs `close` when the environment ends before the object does. Hooks run newest first, so
// children are closed before what they were made from.
class ClosesWithEnvironment {
 public:
  ClosesWithEnvironment(napi_env env, napi_cleanup_hook close, void* object)
      : env_(env), close_(close), object_(object) {
    napi_add_env_cleanup_hook(env_, close_, object_);
  }
  ClosesWithEnvironment(const ClosesWithEnvironment&) = delete;
  ClosesWithEnvironment& operator=(const ClosesWithEnvironment&) = delete;
  ~ClosesWithEnvironment() { napi_remove_env_cleanup_hook(env_, close_, object_); }

 private:
  napi_env env_;
  napi_cleanup_hook close_;
  void* object_;
};

}  // namespace pega::node
