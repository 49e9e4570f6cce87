// PoolWrap's calls of the path: Lookup, Lease, Release, Reserve, Seal, Abandon. Each cuts the
// packed arguments, calls the pool once and packs the answer as it goes over the wire.
#include <string>

#include "node/pool_wrap.h"
#include "node/to_js.h"

namespace pega::node {

const PoolWrap::BlockShape* PoolWrap::ShapeOf(Napi::Env env, const char* call,
                                              std::uint32_t engine) {
  const auto found = engines_.find(engine);
  if (found != engines_.end()) return &found->second;
  Throw(env, Status(Code::kNotFound,
                    std::string(call) + ": no engine has handle " + std::to_string(engine)));
  return nullptr;
}

std::optional<PoolWrap::Batch> PoolWrap::ReadBatch(const Napi::CallbackInfo& info, Arguments& read,
                                                   const char* call, std::size_t hashes_index) {
  Batch batch;
  batch.engine = read.U32(info[0], "engine");
  batch.hashes = read.Bytes(info[hashes_index], "hashes");
  batch.pool = Open(info.Env(), call);
  if (batch.pool == nullptr || read.Failed()) return std::nullopt;
  const BlockShape* shape = ShapeOf(info.Env(), call, batch.engine);
  if (shape == nullptr) return std::nullopt;
  batch.shape = *shape;
  batch.count = batch.hashes.size() / shape->hash_bytes;
  read.Require(batch.hashes.size() % shape->hash_bytes == 0, "hashes",
               "a multiple of " + std::to_string(shape->hash_bytes) + " bytes long; found " +
                   std::to_string(batch.hashes.size()));
  if (read.Failed()) return std::nullopt;
  if (batch.count > kHashesPerBatch) {
    Throw(info.Env(), Status(Code::kLimit, std::string(call) + ": " + std::to_string(batch.count) +
                                               " hashes, at most " +
                                               std::to_string(kHashesPerBatch) + " in one call"));
    return std::nullopt;
  }
  return batch;
}

Napi::Value PoolWrap::Lookup(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "Pool.lookup");
  const std::optional<Batch> batch = ReadBatch(info, read, "Pool.lookup", 1);
  if (!batch) return {};
  std::vector<std::uint8_t> sealed(batch->count);
  const Status status = batch->pool->Lookup(batch->engine, batch->hashes, sealed);
  if (!status.ok()) return Throw(info.Env(), status);
  return ToBuffer<std::uint8_t>(info.Env(), sealed);
}

Napi::Value PoolWrap::Lease(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "Pool.lease");
  const std::uint64_t lease_id = read.BigU64(info[1], "leaseId");
  const bool first = read.Bool(info[2], "first");
  const std::optional<Batch> batch = ReadBatch(info, read, "Pool.lease", 3);
  if (!batch) return {};
  std::vector<SlotAddress> slots(batch->count * batch->shape.rank_count);
  const Result<std::uint32_t> hit =
      batch->pool->Lease(batch->engine, lease_id, first, batch->hashes, slots);
  if (!hit.ok()) return Throw(info.Env(), hit.status());
  slots.resize(std::size_t{hit.value()} * batch->shape.rank_count);
  Napi::Object answer = Napi::Object::New(info.Env());
  answer.Set("hitBlocks", ToNumber(info.Env(), hit.value()));
  answer.Set("slots", ToBuffer<SlotAddress>(info.Env(), slots));
  return answer;
}

Napi::Value PoolWrap::Release(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "Pool.release");
  const std::uint32_t engine = read.U32(info[0], "engine");
  const std::uint64_t lease_id = read.BigU64(info[1], "leaseId");
  const std::uint32_t budget = read.U32(info[2], "budget", 1, kHashesPerBatch);
  Pool* pool = Open(info.Env(), "Pool.release");
  if (pool == nullptr || read.Failed()) return {};
  const Result<bool> gone = pool->Release(engine, lease_id, budget);
  if (!gone.ok()) return Throw(info.Env(), gone.status());
  return Napi::Boolean::New(info.Env(), gone.value());
}

Napi::Value PoolWrap::Reserve(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "Pool.reserve");
  const std::uint64_t reservation_id = read.BigU64(info[1], "reservationId");
  const bool first = read.Bool(info[2], "first");
  const std::span<const std::uint8_t> parent = read.Bytes(info[3], "parentHash");
  const std::optional<Batch> batch = ReadBatch(info, read, "Pool.reserve", 4);
  if (!batch) return {};
  read.Require(parent.empty() || parent.size() == batch->shape.hash_bytes, "parentHash",
               "empty or " + std::to_string(batch->shape.hash_bytes) + " bytes long; found " +
                   std::to_string(parent.size()));
  if (read.Failed()) return {};
  std::vector<ReserveOutcome> outcomes(batch->count);
  std::vector<ReservedSlot> reserved(batch->count * batch->shape.rank_count);
  const Status status = batch->pool->Reserve(batch->engine, reservation_id, first, parent,
                                             batch->hashes, outcomes, reserved);
  if (!status.ok()) return Throw(info.Env(), status);
  Napi::Object answer = Napi::Object::New(info.Env());
  answer.Set("outcomes", ToBuffer<ReserveOutcome>(info.Env(), outcomes));
  answer.Set("reserved", ToBuffer<ReservedSlot>(info.Env(), reserved));
  return answer;
}

Napi::Value PoolWrap::Seal(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "Pool.seal");
  const std::uint32_t engine = read.U32(info[0], "engine");
  const std::uint64_t reservation_id = read.BigU64(info[1], "reservationId");
  const std::vector<std::uint32_t> indices = read.PackedU32(info[2], "indices");
  const std::vector<std::uint64_t> generations = read.PackedU64(info[3], "generations");
  Pool* pool = Open(info.Env(), "Pool.seal");
  if (pool == nullptr || read.Failed()) return {};
  const BlockShape* shape = ShapeOf(info.Env(), "Pool.seal", engine);
  if (shape == nullptr) return {};
  read.Require(indices.size() <= kHashesPerBatch, "indices",
               "at most " + std::to_string(kHashesPerBatch) + " blocks");
  read.Require(generations.size() == indices.size() * shape->rank_count, "generations",
               std::to_string(shape->rank_count) + " for each index");
  if (read.Failed()) return {};
  const Result<std::uint32_t> sealed = pool->Seal(engine, reservation_id, {indices, generations});
  if (!sealed.ok()) return Throw(info.Env(), sealed.status());
  return ToNumber(info.Env(), sealed.value());
}

Napi::Value PoolWrap::Abandon(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "Pool.abandon");
  const std::uint32_t engine = read.U32(info[0], "engine");
  const std::uint64_t reservation_id = read.BigU64(info[1], "reservationId");
  const std::vector<std::uint32_t> indices = read.PackedU32(info[2], "indices");
  read.Require(indices.size() <= kHashesPerBatch, "indices",
               "at most " + std::to_string(kHashesPerBatch) + " blocks");
  Pool* pool = Open(info.Env(), "Pool.abandon");
  if (pool == nullptr || read.Failed()) return {};
  const Status status = pool->Abandon(engine, reservation_id, indices);
  return status.ok() ? info.Env().Undefined() : Throw(info.Env(), status);
}

Napi::Value PoolWrap::AbandonAll(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "Pool.abandonAll");
  const std::uint32_t engine = read.U32(info[0], "engine");
  const std::uint64_t reservation_id = read.BigU64(info[1], "reservationId");
  const std::uint32_t budget = read.U32(info[2], "budget", 1, kHashesPerBatch);
  Pool* pool = Open(info.Env(), "Pool.abandonAll");
  if (pool == nullptr || read.Failed()) return {};
  const Result<bool> over = pool->AbandonAll(engine, reservation_id, budget);
  if (!over.ok()) return Throw(info.Env(), over.status());
  return Napi::Boolean::New(info.Env(), over.value());
}

}  // namespace pega::node
