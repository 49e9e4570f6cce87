// PoolFixture: a pool in a temporary folder of tmpfs, and short words for what tests do with it.
//
// Slabs are 16 MiB and, unless a test asks, files without memory behind them: no test reads a slot.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "pool/pool.h"

namespace pega {

inline constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

using Hashes = std::vector<std::uint8_t>;

// Hashes of `count` blocks, 32 bytes each, that differ for each chain and position.
inline Hashes Chain(std::uint64_t chain, std::uint32_t count, std::uint32_t from = 0) {
  Hashes hashes(std::size_t{count} * 32);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t words[2] = {chain, from + i};
    std::memcpy(hashes.data() + std::size_t{i} * 32, words, sizeof(words));
  }
  return hashes;
}

struct Reserved {
  Status status;
  std::vector<ReserveOutcome> outcomes;
  std::vector<ReservedSlot> slots;

  std::uint32_t Count(ReserveOutcome outcome) const {
    std::uint32_t count = 0;
    for (const ReserveOutcome one : outcomes) count += one == outcome;
    return count;
  }
};

class PoolFixture : public ::testing::Test {
 protected:
  PoolFixture() {
    std::string pattern = "/dev/shm/pega-pool-test-XXXXXX";
    dir_ = ::mkdtemp(pattern.data());
  }
  ~PoolFixture() override {
    pool_.reset();
    std::filesystem::remove_all(dir_);
  }

  PoolOptions Options(std::uint32_t slabs) const {
    PoolOptions options;
    options.folder.pool_dir = dir_;
    options.pool_bytes = slabs * 16 * kMiB;
    options.slab_bytes = 16 * kMiB;
    options.fill_threads = 2;
    options.allow_any_filesystem = true;
    options.fill = false;
    return options;
  }
  void Open(std::uint32_t slabs) { Open(Options(slabs)); }
  void Open(const PoolOptions& options) {
    Result<std::unique_ptr<Pool>> made = Pool::Create(options);
    ASSERT_TRUE(made.ok()) << made.status().message();
    pool_ = std::move(made).value();
    WaitUntilFilled();
  }
  void WaitUntilFilled() {
    while (pool_->fill_progress().slabs_ready < pool_->slabs_total()) {
      ASSERT_TRUE(pool_->fill_progress().error.ok()) << pool_->fill_progress().error.message();
      pool_->Poll();
      std::this_thread::yield();
    }
  }

  NamespaceHandle NewNamespace(std::vector<std::uint64_t> rank_slot_bytes) {
    NamespaceSpec spec;
    spec.digest[0] = ++namespaces_made_;
    spec.rank_slot_bytes = std::move(rank_slot_bytes);
    const Result<NamespaceHandle> made = pool_->OpenNamespace(spec);
    EXPECT_TRUE(made.ok());
    return made.value();
  }
  EngineHandle NewEngine(NamespaceHandle name_space) {
    const Result<EngineHandle> made = pool_->AddEngine(name_space);
    EXPECT_TRUE(made.ok());
    ranks_.resize(made.value() + 1, 0);
    ranks_[made.value()] = pool_->namespaces()[name_space].rank_slot_bytes.size();
    return made.value();
  }
  // One engine in a namespace of its own.
  EngineHandle NewEngineOf(std::vector<std::uint64_t> rank_slot_bytes) {
    return NewEngine(NewNamespace(std::move(rank_slot_bytes)));
  }

  Reserved Reserve(EngineHandle engine, std::uint64_t id, const Hashes& hashes, bool first = true,
                   const Hashes& parent = {}) {
    Reserved reserved;
    const std::size_t count = hashes.size() / 32;
    reserved.outcomes.resize(count);
    reserved.slots.resize(count * RanksOf(engine));
    reserved.status =
        pool_->Reserve(engine, id, first, parent, hashes, reserved.outcomes, reserved.slots);
    return reserved;
  }
  // Seals every block of the reservation that got a slot.
  Result<std::uint32_t> SealAll(EngineHandle engine, std::uint64_t id, const Reserved& reserved) {
    std::vector<std::uint32_t> indices;
    std::vector<std::uint64_t> generations;
    for (std::uint32_t i = 0; i < reserved.outcomes.size(); ++i) {
      if (reserved.outcomes[i] != ReserveOutcome::kSlot) continue;
      indices.push_back(i);
      for (std::size_t rank = 0; rank < RanksOf(engine); ++rank) {
        generations.push_back(reserved.slots[i * RanksOf(engine) + rank].generation);
      }
    }
    return pool_->Seal(engine, id, {indices, generations});
  }
  // Reserves and seals in batches of 1,024, as one reservation; returns the blocks sealed.
  std::uint32_t Store(EngineHandle engine, std::uint64_t id, const Hashes& hashes) {
    std::uint32_t sealed = 0;
    Reserved reserved = Reserve(engine, id, hashes);
    EXPECT_TRUE(reserved.status.ok()) << reserved.status.message();
    const Result<std::uint32_t> result = SealAll(engine, id, reserved);
    EXPECT_TRUE(result.ok()) << result.status().message();
    sealed += result.value();
    const Result<bool> over = pool_->AbandonAll(engine, id, 1024);
    EXPECT_TRUE(over.ok() && over.value());
    return sealed;
  }

  std::uint32_t Lease(EngineHandle engine, std::uint64_t id, const Hashes& hashes,
                      bool first = true) {
    slots_.assign(hashes.size() / 32 * RanksOf(engine), {});
    const Result<std::uint32_t> leased = pool_->Lease(engine, id, first, hashes, slots_);
    EXPECT_TRUE(leased.ok()) << leased.status().message();
    return leased.ok() ? leased.value() : 0;
  }
  Code LeaseCode(EngineHandle engine, std::uint64_t id, const Hashes& hashes, bool first = true) {
    slots_.assign(hashes.size() / 32 * RanksOf(engine), {});
    return pool_->Lease(engine, id, first, hashes, slots_).status().code();
  }
  bool Release(EngineHandle engine, std::uint64_t id, std::uint32_t budget = 1024) {
    const Result<bool> released = pool_->Release(engine, id, budget);
    EXPECT_TRUE(released.ok()) << released.status().message();
    return released.ok() && released.value();
  }
  std::vector<std::uint8_t> Lookup(EngineHandle engine, const Hashes& hashes) {
    std::vector<std::uint8_t> sealed(hashes.size() / 32);
    EXPECT_TRUE(pool_->Lookup(engine, hashes, sealed).ok());
    return sealed;
  }
  std::uint32_t CountSealed(EngineHandle engine, const Hashes& hashes) {
    std::uint32_t count = 0;
    for (const std::uint8_t one : Lookup(engine, hashes)) count += one;
    return count;
  }
  void ExpectSound() {
    const Status status = pool_->CheckInvariants();
    EXPECT_TRUE(status.ok()) << status.message();
  }

  std::size_t RanksOf(EngineHandle engine) const {
    return engine < ranks_.size() ? ranks_[engine] : 1;
  }

  std::string dir_;
  std::unique_ptr<Pool> pool_;
  std::vector<SlotAddress> slots_;  // of the last Lease

 private:
  std::uint8_t namespaces_made_ = 0;
  std::vector<std::size_t> ranks_;
};

}  // namespace pega
