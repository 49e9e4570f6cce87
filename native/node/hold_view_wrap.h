// The addon's HoldView: the server's look at one engine's hold file (shared/hold_view.h).
//
// It has no close(): the descriptor must stay until the file is removed, and goes with the object.
#pragma once

#include <memory>

#include "node/wrapped.h"
#include "shared/hold_view.h"

namespace pega::node {

class HoldViewWrap : public Wrapped<HoldViewWrap> {
 public:
  static constexpr WrappedClass kClass = WrappedClass::kHoldView;
  static constexpr const char* kName = "HoldView";

  static void Register(Napi::Env env, Napi::Object exports);
  explicit HoldViewWrap(const Napi::CallbackInfo& info);

 private:
  static Napi::Value Open(const Napi::CallbackInfo& info);
  static Napi::Value RemoveDead(const Napi::CallbackInfo& info);

  Napi::Value Proves(const Napi::CallbackInfo& info);
  Napi::Value Alive(const Napi::CallbackInfo& info);
  Napi::Value AnyAlive(const Napi::CallbackInfo& info);
  Napi::Value HeldPages(const Napi::CallbackInfo& info);
  Napi::Value SlabsReady(const Napi::CallbackInfo& info);
  Napi::Value RemoveIfDead(const Napi::CallbackInfo& info);

  struct Native {
    std::unique_ptr<HoldView> view;
    std::uint32_t record_count = 0;
  };
  Native native_;
};

}  // namespace pega::node
