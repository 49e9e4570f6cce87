#include "node/hold_view_wrap.h"

#include <utility>

#include "node/arguments.h"
#include "node/folder_argument.h"
#include "node/to_js.h"

namespace pega::node {

void HoldViewWrap::Register(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor =
      DefineClass(env, kName,
                  {InstanceMethod<&HoldViewWrap::Proves>("proves"),
                   InstanceMethod<&HoldViewWrap::Alive>("alive"),
                   InstanceMethod<&HoldViewWrap::AnyAlive>("anyAlive"),
                   InstanceMethod<&HoldViewWrap::HeldPages>("heldPages"),
                   InstanceMethod<&HoldViewWrap::SlabsReady>("slabsReady"),
                   InstanceMethod<&HoldViewWrap::RemoveIfDead>("removeIfDead")});
  AddonState::Of(env).constructor(kClass) = Napi::Persistent(constructor);
  Napi::Object statics = Napi::Object::New(env);
  statics.Set("open", Napi::Function::New<&HoldViewWrap::Open>(env, "open"));
  exports.Set(kName, statics);
  exports.Set("removeDeadHoldFile",
              Napi::Function::New<&HoldViewWrap::RemoveDead>(env, "removeDeadHoldFile"));
}

HoldViewWrap::HoldViewWrap(const Napi::CallbackInfo& info) : Wrapped(info) {
  auto* native = Adopt<Native>(info);
  if (native != nullptr) native_ = std::move(*native);
}

Napi::Value HoldViewWrap::Open(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "HoldView.open");
  const FolderArgument paths = ReadFolder(read, info[0]);
  const auto pool_id = read.Exactly<kPoolIdBytes>(info[1], "poolId");
  const auto engine_id = read.Exactly<kEngineIdBytes>(info[2], "engineId");
  const std::uint32_t rank_count = read.U32(info[3], "rankCount", 1, kRanksMax);
  const std::uint64_t page_count = read.Integer(info[4], "pageCount", 1);
  if (read.Failed()) return {};
  const Result<PoolFolder> folder = PoolFolder::Open(paths.path, paths.slab_path);
  if (!folder.ok()) return Throw(info.Env(), folder.status());
  Result<std::unique_ptr<HoldView>> view =
      HoldView::Open(folder.value(), pool_id, engine_id, rank_count, page_count);
  if (!view.ok()) return Throw(info.Env(), view.status());
  return Wrap(info.Env(), Native{std::move(view).value(), 1 + rank_count});
}

Napi::Value HoldViewWrap::RemoveDead(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "removeDeadHoldFile");
  const std::string path = read.String(info[0], "path");
  if (read.Failed()) return {};
  const Result<bool> removed = RemoveDeadHoldFile(path);
  if (!removed.ok()) return Throw(info.Env(), removed.status());
  return Napi::Boolean::New(info.Env(), removed.value());
}

Napi::Value HoldViewWrap::Proves(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "HoldView.proves");
  const std::uint32_t record = read.U32(info[0], "record", 0, native_.record_count - 1);
  const auto nonce = read.Exactly<kNonceBytes>(info[1], "nonce");
  if (read.Failed()) return {};
  return Napi::Boolean::New(info.Env(), native_.view->Proves(record, nonce));
}

Napi::Value HoldViewWrap::Alive(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "HoldView.alive");
  const std::uint32_t record = read.U32(info[0], "record", 0, native_.record_count - 1);
  if (read.Failed()) return {};
  return Napi::Boolean::New(info.Env(), native_.view->Alive(record));
}

Napi::Value HoldViewWrap::AnyAlive(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), native_.view->AnyAlive());
}

Napi::Value HoldViewWrap::HeldPages(const Napi::CallbackInfo& info) {
  return ToNumber(info.Env(), native_.view->HeldPages());
}

Napi::Value HoldViewWrap::SlabsReady(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "HoldView.slabsReady");
  const std::uint32_t record = read.U32(info[0], "record", 0, native_.record_count - 1);
  if (read.Failed()) return {};
  return ToNumber(info.Env(), native_.view->SlabsReady(record));
}

Napi::Value HoldViewWrap::RemoveIfDead(const Napi::CallbackInfo& info) {
  const Result<bool> removed = native_.view->RemoveIfDead();
  if (!removed.ok()) return Throw(info.Env(), removed.status());
  return Napi::Boolean::New(info.Env(), removed.value());
}

}  // namespace pega::node
