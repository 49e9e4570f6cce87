#include "node/reference_model_wrap.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "node/arguments.h"
#include "node/async_call.h"
#include "node/to_js.h"

namespace pega::node {
namespace {

constexpr std::uint32_t kChunksMax = 65536;
constexpr std::uint32_t kThreadsMax = 64;

// A chunk that owns its words: they outlive the JavaScript arrays they came from.
struct OwnedChunk {
  std::vector<std::int32_t> tokens;
  std::vector<std::uint32_t> block_table;
  std::uint32_t position = 0;
  bool sample = false;
};

ModelShape ReadShape(Arguments& read, Napi::Value value) {
  const Napi::Object from = read.Object(value, "shape");
  const auto dimension = [&](const char* name) {
    return read.U32(read.Field(from, name), name, 1);
  };
  ModelShape shape;
  shape.layers = dimension("layers");
  shape.heads = dimension("heads");
  shape.kv_heads = dimension("kvHeads");
  shape.head_dim = dimension("headDim");
  shape.ffn = dimension("ffn");
  shape.vocab = dimension("vocab");
  shape.block_tokens = dimension("blockTokens");
  shape.context = dimension("context");
  return shape;
}

OwnedChunk ReadChunk(Arguments& read, Napi::Value value) {
  const Napi::Object from = read.Object(value, "chunks[]");
  OwnedChunk chunk;
  chunk.position = read.U32(read.Field(from, "position"), "position");
  chunk.sample = read.Bool(read.Field(from, "sample"), "sample");
  chunk.tokens = read.I32Array(read.Field(from, "tokens"), "tokens");
  chunk.block_table = read.U32Array(read.Field(from, "blockTable"), "blockTable");
  return chunk;
}

using Tokens = std::vector<std::int32_t>;

Result<Tokens> RunForward(ReferenceModel& model, const std::vector<OwnedChunk>& owned) {
  std::vector<SequenceChunk> chunks;
  chunks.reserve(owned.size());
  for (const OwnedChunk& chunk : owned) {
    chunks.push_back({chunk.tokens, chunk.position, chunk.block_table, chunk.sample});
  }
  return model.Forward(chunks);
}

napi_value ToInt32Array(Napi::Env env, const Tokens& tokens) {
  Napi::Int32Array array = Napi::Int32Array::New(env, tokens.size());
  if (array.IsEmpty()) return nullptr;  // the environment is going down
  if (!tokens.empty()) {
    std::memcpy(array.Data(), tokens.data(), tokens.size() * sizeof(std::int32_t));
  }
  return array;
}

}  // namespace

void ReferenceModelWrap::Register(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor =
      DefineClass(env, kName,
                  {InstanceMethod<&ReferenceModelWrap::Forward>("forward"),
                   InstanceMethod<&ReferenceModelWrap::Kv>("kv"),
                   InstanceMethod<&ReferenceModelWrap::FlopsAt>("flopsAt")});
  AddonState::Of(env).constructor(kClass) = Napi::Persistent(constructor);
  Napi::Object statics = Napi::Object::New(env);
  statics.Set("create", Napi::Function::New<&ReferenceModelWrap::Create>(env, "create"));
  exports.Set(kName, statics);
}

ReferenceModelWrap::ReferenceModelWrap(const Napi::CallbackInfo& info) : Wrapped(info) {
  auto* native = Adopt<std::unique_ptr<ReferenceModel>>(info);
  if (native == nullptr) return;
  model_ = std::move(*native);
  char digest[17];
  std::snprintf(digest, sizeof(digest), "%016" PRIx64, model_->weights_digest());
  const Napi::Env env = info.Env();
  info.This().As<Napi::Object>().DefineProperties(
      {Napi::PropertyDescriptor::Value("kvBlockBytes", ToNumber(env, model_->kv_block_bytes()),
                                       napi_enumerable),
       Napi::PropertyDescriptor::Value("weightsDigest", Napi::String::New(env, digest),
                                       napi_enumerable)});
}

Napi::Value ReferenceModelWrap::Create(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "ReferenceModel.create");
  const Napi::Object options = read.Object(info[0], "options");
  const ModelShape shape = ReadShape(read, read.Field(options, "shape"));
  const std::uint64_t seed = read.Integer(read.Field(options, "seed"), "seed");
  const std::uint32_t block_count = read.U32(read.Field(options, "blockCount"), "blockCount", 1);
  std::uint32_t threads = read.U32(read.Field(options, "threads"), "threads", 0, kThreadsMax);
  if (read.Failed()) return {};
  if (threads == 0) threads = std::clamp(std::thread::hardware_concurrency(), 1u, kThreadsMax);
  Result<std::unique_ptr<ReferenceModel>> model =
      ReferenceModel::Create(shape, seed, block_count, threads);
  if (!model.ok()) return Throw(info.Env(), model.status());
  return Wrap(info.Env(), std::move(model).value());
}

Napi::Value ReferenceModelWrap::Forward(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "ReferenceModel.forward");
  const std::uint32_t count = read.ArrayLength(info[0], "chunks", kChunksMax);
  std::vector<OwnedChunk> chunks;
  for (std::uint32_t i = 0; i < count && read.ok(); ++i) {
    chunks.push_back(ReadChunk(read, read.Element(info[0], i)));
  }
  if (read.Failed()) return {};
  if (*running_) {
    return Throw(info.Env(),
                 Status(Code::kInvalidArgument,
                        "ReferenceModel.forward: another forward runs; await it first"));
  }
  *running_ = true;
  // The flag is cleared when the call's work is destroyed, however it ends.
  const std::shared_ptr<void> running(nullptr, [flag = running_](void*) { *flag = false; });
  return RunAsync<Tokens>(
      info.Env(), "ReferenceModel.forward",
      [model = model_, running, owned = std::move(chunks)] { return RunForward(*model, owned); },
      [](Napi::Env env, Tokens& tokens) { return ToInt32Array(env, tokens); });
}

Napi::Value ReferenceModelWrap::Kv(const Napi::CallbackInfo& info) {
  Napi::Array views = Napi::Array::New(info.Env());
  for (const KvAllocation& allocation : model_->kv()) {
    Napi::Object view = Napi::Object::New(info.Env());
    const std::uint64_t address = reinterpret_cast<std::uintptr_t>(allocation.address);
    view.Set("address", Napi::BigInt::New(info.Env(), address));
    view.Set("bytes", ToNumber(info.Env(), allocation.bytes));
    views.Set(views.Length(), view);
  }
  return views;
}

Napi::Value ReferenceModelWrap::FlopsAt(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "ReferenceModel.flopsAt");
  const std::uint32_t position = read.U32(info[0], "position");
  if (read.Failed()) return {};
  return Napi::Number::New(info.Env(), model_->FlopsAt(position));
}

}  // namespace pega::node
