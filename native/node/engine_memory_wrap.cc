#include "node/engine_memory_wrap.h"

#include <string>
#include <utility>

#include "node/arguments.h"
#include "node/folder_argument.h"
#include "node/to_js.h"

namespace pega::node {

void EngineMemoryWrap::Register(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor =
      DefineClass(env, kName,
                  {InstanceMethod<&EngineMemoryWrap::BootNumber>("bootNumber"),
                   InstanceMethod<&EngineMemoryWrap::SlabCount>("slabCount"),
                   InstanceMethod<&EngineMemoryWrap::Hold>("hold"),
                   InstanceMethod<&EngineMemoryWrap::Drop>("drop"),
                   InstanceMethod<&EngineMemoryWrap::HeldPages>("heldPages"),
                   InstanceMethod<&EngineMemoryWrap::ReportReady>("reportReady"),
                   InstanceMethod<&EngineMemoryWrap::AllRanksSync>("allRanksSync"),
                   InstanceMethod<&EngineMemoryWrap::OpenSlabs>("openSlabs"),
                   InstanceMethod<&EngineMemoryWrap::Close>("close")});
  AddonState::Of(env).constructor(kClass) = Napi::Persistent(constructor);
  Napi::Object statics = Napi::Object::New(env);
  statics.Set("open", Napi::Function::New<&EngineMemoryWrap::OpenNew>(env, "open"));
  exports.Set(kName, statics);
}

EngineMemoryWrap::EngineMemoryWrap(const Napi::CallbackInfo& info) : Wrapped(info) {
  auto* native = Adopt<std::shared_ptr<EngineMemory>>(info);
  if (native == nullptr) return;
  memory_ = std::move(*native);
  closes_.emplace(
      info.Env(), [](void* self) { static_cast<EngineMemoryWrap*>(self)->CloseNow(); }, this);
}

EngineMemoryWrap::~EngineMemoryWrap() { CloseNow(); }

Napi::Value EngineMemoryWrap::OpenNew(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "EngineMemory.open");
  const Napi::Object from = read.Object(info[0], "options");
  const FolderArgument folder = ReadFolder(read, read.Field(from, "folder"));
  EngineMemoryOptions options;
  options.folder_path = folder.path;
  options.slab_path = folder.slab_path;
  options.hold.rank_count = read.U32(read.Field(from, "rankCount"), "rankCount", 1, kRanksMax);
  options.hold.record = read.U32(read.Field(from, "record"), "record", 0, options.hold.rank_count);
  options.hold.slab_bytes = read.Integer(read.Field(from, "slabBytes"), "slabBytes", 1);
  options.hold.ordinal_capacity =
      read.U32(read.Field(from, "ordinalCapacity"), "ordinalCapacity", 1, kSlabOrdinalsMax);
  options.boot = read.BigU64(read.Field(from, "bootNumber"), "bootNumber");
  options.hold.pool_id = read.Exactly<kPoolIdBytes>(read.Field(from, "poolId"), "poolId");
  options.hold.engine_id = read.Exactly<kEngineIdBytes>(read.Field(from, "engineId"), "engineId");
  options.hold.nonce = read.Exactly<kNonceBytes>(read.Field(from, "nonce"), "nonce");
  if (read.Failed()) return {};
  Result<std::shared_ptr<EngineMemory>> memory = EngineMemory::Open(options);
  if (!memory.ok()) return Throw(info.Env(), memory.status());
  return Wrap(info.Env(), std::move(memory).value());
}

EngineMemory* EngineMemoryWrap::Open(Napi::Env env, const char* call) {
  if (!memory_) Throw(env, Closed(call));
  return memory_.get();
}

Napi::Value EngineMemoryWrap::BootNumber(const Napi::CallbackInfo& info) {
  EngineMemory* memory = Open(info.Env(), "EngineMemory.bootNumber");
  if (memory == nullptr) return {};
  return Napi::BigInt::New(info.Env(), memory->HeaderBoot());
}

Napi::Value EngineMemoryWrap::SlabCount(const Napi::CallbackInfo& info) {
  EngineMemory* memory = Open(info.Env(), "EngineMemory.slabCount");
  if (memory == nullptr) return {};
  return ToNumber(info.Env(), memory->SlabCount());
}

Napi::Value EngineMemoryWrap::Hold(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "EngineMemory.hold");
  const std::vector<SlotAddress> slots = read.Slots(info[0], "slots");
  const std::uint64_t slot_bytes = read.Integer(info[1], "slotBytes", 1, kSlabBytesMax);
  EngineMemory* memory = Open(info.Env(), "EngineMemory.hold");
  if (memory == nullptr || read.Failed()) return {};
  const Status status = memory->Hold(slots, slot_bytes);
  return status.ok() ? info.Env().Undefined() : Throw(info.Env(), status);
}

Napi::Value EngineMemoryWrap::Drop(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "EngineMemory.drop");
  const std::vector<SlotAddress> slots = read.Slots(info[0], "slots");
  const std::uint64_t slot_bytes = read.Integer(info[1], "slotBytes", 1, kSlabBytesMax);
  EngineMemory* memory = Open(info.Env(), "EngineMemory.drop");
  if (memory == nullptr || read.Failed()) return {};
  const Status status = memory->Drop(slots, slot_bytes);
  return status.ok() ? info.Env().Undefined() : Throw(info.Env(), status);
}

Napi::Value EngineMemoryWrap::HeldPages(const Napi::CallbackInfo& info) {
  EngineMemory* memory = Open(info.Env(), "EngineMemory.heldPages");
  if (memory == nullptr) return {};
  return ToNumber(info.Env(), memory->HeldPages());
}

Napi::Value EngineMemoryWrap::ReportReady(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "EngineMemory.reportReady");
  const std::uint64_t slabs_ready = read.Integer(info[0], "slabsReady", 0, kSlabOrdinalsMax);
  const bool sync_loads = read.Bool(info[1], "syncLoads");
  EngineMemory* memory = Open(info.Env(), "EngineMemory.reportReady");
  if (memory == nullptr || read.Failed()) return {};
  const Status status = memory->ReportReady(slabs_ready, sync_loads);
  return status.ok() ? info.Env().Undefined() : Throw(info.Env(), status);
}

Napi::Value EngineMemoryWrap::AllRanksSync(const Napi::CallbackInfo& info) {
  EngineMemory* memory = Open(info.Env(), "EngineMemory.allRanksSync");
  if (memory == nullptr) return {};
  return Napi::Boolean::New(info.Env(), memory->AllRanksSync());
}

Napi::Value EngineMemoryWrap::OpenSlabs(const Napi::CallbackInfo& info) {
  EngineMemory* memory = Open(info.Env(), "EngineMemory.openSlabs");
  if (memory == nullptr) return {};
  const Result<std::uint32_t> count = memory->OpenSlabs();
  if (!count.ok()) return Throw(info.Env(), count.status());
  return ToNumber(info.Env(), count.value());
}

Napi::Value EngineMemoryWrap::Close(const Napi::CallbackInfo& info) {
  if (*open_transfers_ > 0) {
    return Throw(info.Env(), Status(Code::kInvalidArgument,
                                    "EngineMemory.close: " + std::to_string(*open_transfers_) +
                                        " transfer engine(s) still use it: close them first"));
  }
  CloseNow();
  return info.Env().Undefined();
}

void EngineMemoryWrap::CloseNow() {
  closes_.reset();
  if (!memory_) return;
  memory_->Close();
  memory_.reset();
}

}  // namespace pega::node
