// AddonState: what the addon keeps for one JavaScript environment: its constructors and type tags.
//
// Tags are random for each load, so that objects of a second copy of the addon in the same process
// are told apart. Only the JavaScript thread touches it.
#pragma once

#include <array>
#include <cstdint>

#include "node/napi_setup.h"

namespace pega::node {

enum class WrappedClass : std::uint8_t {
  kPool,
  kHoldView,
  kEngineMemory,
  kTransferEngine,
  kTransferJob,
  kReferenceModel,
  kTransferGauge,
};
inline constexpr std::size_t kWrappedClassCount = 7;

class AddonState {
 public:
  AddonState();
  static AddonState& Of(Napi::Env env) { return *env.GetInstanceData<AddonState>(); }

  napi_type_tag tag(WrappedClass which) const {
    return {tag_seed_, static_cast<std::uint64_t>(which)};
  }
  Napi::FunctionReference& constructor(WrappedClass which) {
    return constructors_[static_cast<std::size_t>(which)];
  }
  // The native object that the constructor about to run shall take; null: JavaScript called `new`.
  void* pending = nullptr;

 private:
  std::uint64_t tag_seed_ = 0;
  std::array<Napi::FunctionReference, kWrappedClassCount> constructors_;
};

}  // namespace pega::node
