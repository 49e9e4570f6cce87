#include "node/transfer_wrap.h"

#include <string>
#include <utility>

#include "node/arguments.h"
#include "node/async_call.h"
#include "node/engine_memory_wrap.h"
#include "node/to_js.h"
#include "node/transfer_options.h"
#include "transfer/host_device.h"

namespace pega::node {
namespace {

constexpr std::uint32_t kThreadsMax = 64;
constexpr double kNanosecondsPerSecond = 1e9;

double Seconds(std::uint64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / kNanosecondsPerSecond;
}

}  // namespace

void TransferWrap::Register(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor = DefineClass(env, kName,
                                           {InstanceMethod<&TransferWrap::Submit>("submit"),
                                            InstanceMethod<&TransferWrap::Stats>("stats"),
                                            InstanceMethod<&TransferWrap::Close>("close")});
  AddonState::Of(env).constructor(kClass) = Napi::Persistent(constructor);
  Napi::Object statics = Napi::Object::New(env);
  statics.Set("create", Napi::Function::New<&TransferWrap::Create>(env, "create"));
  exports.Set(kName, statics);
}

TransferWrap::TransferWrap(const Napi::CallbackInfo& info) : Wrapped(info), env_(info.Env()) {
  auto* native = Adopt<Native>(info);
  if (native == nullptr) return;
  channel_ =
      GroupEndChannel::Open(env_, [this](const std::vector<GroupEnd>& ends) { OnGroupEnds(ends); });
  if (!channel_) {
    Throw(env_, Status(Code::kInternal, "TransferEngine.create: no thread-safe function"));
    return;
  }
  engine_ = std::move(native->engine);
  open_transfers_ = std::move(native->open_transfers);
  ++*open_transfers_;
  memory_ = Napi::Persistent(native->memory);
  allocations_ = Napi::Persistent(native->allocations);
  // After the channel: newer hooks run first, and the engine must stop before the channel's
  // function.
  closes_.emplace(env_, [](void* self) { static_cast<TransferWrap*>(self)->CloseNow(); }, this);
  info.This().As<Napi::Object>().DefineProperties(
      {Napi::PropertyDescriptor::Value("slotBytes", ToNumber(env_, native->slot_bytes),
                                       napi_enumerable),
       Napi::PropertyDescriptor::Value("layerCount", ToNumber(env_, native->layer_count),
                                       napi_enumerable)});
}

TransferWrap::~TransferWrap() { CloseNow(); }

Napi::Value TransferWrap::Create(const Napi::CallbackInfo& info) {
  const char* const call = "TransferEngine.create";
  const Napi::Env env = info.Env();
  Arguments read(env, call);
  const Napi::Object options = read.Object(info[0], "options");
  const Napi::Value memory_value = read.Field(options, "memory");
  LayoutArguments arguments = ReadLayout(read, options);
  const std::uint32_t threads = read.U32(read.Field(options, "threads"), "threads", 0, kThreadsMax);
  const Napi::Object allocations = read.Object(read.Field(options, "allocations"), "allocations");
  if (read.Failed()) return {};
  EngineMemoryWrap* memory = EngineMemoryWrap::TryUnwrap(memory_value);
  read.Require(memory != nullptr, "memory", "an EngineMemory");
  if (read.Failed()) return {};
  EngineMemory* native_memory = memory->Open(env, call);
  if (native_memory == nullptr) return {};

  Result<BlockLayout> layout = BlockLayout::Create(
      std::move(arguments.allocations), std::move(arguments.segments), arguments.block_count);
  if (!layout.ok()) return Throw(env, layout.status());
  Result<std::shared_ptr<SlabSet>> slabs = native_memory->slabs();
  if (!slabs.ok()) return Throw(env, slabs.status());
  Native native{.engine = nullptr,
                .open_transfers = memory->open_transfers(),
                .slot_bytes = layout.value().slot_bytes(),
                .layer_count = layout.value().layer_count(),
                .memory = memory_value.As<Napi::Object>(),
                .allocations = allocations};
  native.engine = TransferEngine::Create(
      MakeHostDevice(std::move(layout).value(), std::move(slabs).value(), threads));
  return Wrap(env, std::move(native));
}

Napi::Value TransferWrap::Submit(const Napi::CallbackInfo& info) {
  const char* const call = "TransferEngine.submit";
  Arguments read(info.Env(), call);
  JobSpec spec = ReadJob(read, info);
  if (read.Failed()) return {};
  if (!engine_ || closing_) return Throw(env_, Closed(call));
  const bool one_group = spec.kind == JobKind::kStore || spec.group_ends.empty();
  const auto groups = one_group ? 1 : static_cast<std::uint32_t>(spec.group_ends.size());
  spec.on_group = [channel = channel_](JobId job, std::uint32_t group, const Status& status) {
    channel->Push({job, group, status});
  };
  const Result<JobId> job = engine_->Submit(std::move(spec));
  if (!job.ok()) return Throw(env_, job.status());
  auto state = std::make_shared<JobState>(groups);
  const std::size_t jobs_before = jobs_.size();
  jobs_.emplace(job.value(), state);
  RetainWhileOpen(jobs_before);
  return TransferJobWrap::Wrap(env_, std::move(state));
}

void TransferWrap::OnGroupEnds(const std::vector<GroupEnd>& ends) {
  const std::size_t jobs_before = jobs_.size();
  for (const GroupEnd& end : ends) {
    const auto found = jobs_.find(end.job);
    if (found == jobs_.end()) continue;
    found->second->GroupEnded(env_, end.group, end.status);
    if (!found->second->over()) continue;
    jobs_.erase(found);
    engine_->Forget(end.job);
  }
  RetainWhileOpen(jobs_before);
}

void TransferWrap::RetainWhileOpen(std::size_t jobs_before) {
  if (jobs_before == 0 && !jobs_.empty()) {
    Ref();
    channel_->KeepAlive(true);
  } else if (jobs_before > 0 && jobs_.empty()) {
    channel_->KeepAlive(false);
    Unref();
  }
}

Napi::Value TransferWrap::Stats(const Napi::CallbackInfo& info) {
  if (!engine_) return Throw(env_, Closed("TransferEngine.stats"));
  const TransferStats stats = engine_->stats();
  Napi::Object view = Napi::Object::New(info.Env());
  view.Set("loadBytesTotal", ToNumber(env_, stats.load_bytes_total));
  view.Set("storeBytesTotal", ToNumber(env_, stats.store_bytes_total));
  view.Set("loadJobsTotal", ToNumber(env_, stats.load_jobs_total));
  view.Set("storeJobsTotal", ToNumber(env_, stats.store_jobs_total));
  view.Set("failedJobsTotal", ToNumber(env_, stats.failed_jobs_total));
  view.Set("loadBusySecondsTotal", Napi::Number::New(env_, Seconds(stats.load_busy_ns_total)));
  view.Set("storeBusySecondsTotal", Napi::Number::New(env_, Seconds(stats.store_busy_ns_total)));
  view.Set("jobsNow", ToNumber(env_, stats.jobs_now));
  return view;
}

Napi::Value TransferWrap::Close(const Napi::CallbackInfo& info) {
  closing_ = true;
  const std::shared_ptr<TransferEngine> engine = engine_;
  Ref();  // until FinishClose has run
  return RunAsync<bool>(
      info.Env(), "TransferEngine.close",
      [engine]() -> Result<bool> {
        if (engine) engine->Drain();
        return true;
      },
      [this](Napi::Env env, bool&) -> napi_value {
        FinishClose();
        Unref();
        return env.Undefined();
      });
}

void TransferWrap::FinishClose() {
  if (!engine_) return;
  channel_->Deliver();
  const std::size_t jobs_before = jobs_.size();
  const Status cancelled(Code::kCancelled, "the transfer engine was closed before the job ended");
  for (const auto& [id, state] : std::exchange(jobs_, {})) state->GroupEnded(env_, 0, cancelled);
  RetainWhileOpen(jobs_before);
  CloseNow();
}

void TransferWrap::CloseNow() {
  closes_.reset();
  if (!engine_) return;
  engine_->Drain();
  channel_->Close();
  engine_.reset();
  --*open_transfers_;
  memory_.Reset();
  allocations_.Reset();
}

}  // namespace pega::node
