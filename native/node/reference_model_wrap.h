// The addon's ReferenceModel: the reference transformer, one forward at a time on a pool thread.
//
// A running forward shares ownership of the model, so collecting the object does not free memory
// under it. `kv()` gives addresses: who uses them keeps this object.
#pragma once

#include <memory>

#include "node/wrapped.h"
#include "reference/reference_model.h"

namespace pega::node {

class ReferenceModelWrap : public Wrapped<ReferenceModelWrap> {
 public:
  static constexpr WrappedClass kClass = WrappedClass::kReferenceModel;
  static constexpr const char* kName = "ReferenceModel";

  static void Register(Napi::Env env, Napi::Object exports);
  explicit ReferenceModelWrap(const Napi::CallbackInfo& info);

 private:
  static Napi::Value Create(const Napi::CallbackInfo& info);
  Napi::Value Forward(const Napi::CallbackInfo& info);
  Napi::Value Kv(const Napi::CallbackInfo& info);
  Napi::Value FlopsAt(const Napi::CallbackInfo& info);

  std::shared_ptr<ReferenceModel> model_;
  std::shared_ptr<bool> running_ = std::make_shared<bool>(false);  // JavaScript thread only
};

}  // namespace pega::node
