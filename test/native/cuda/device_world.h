// DeviceWorld: a KV cache of a random layout on the fake GPU, a pool with filled slabs, and a transfer
// engine between the two. Misuse of CUDA that the fake finds fails the test.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cuda/device/cuda_device.h"
#include "cuda/fake_driver.h"
#include "transfer/random_layout.h"
#include "transfer/test_pool.h"
#include "transfer/transfer_engine.h"

namespace pega::cuda {

using Bytes = std::vector<std::uint8_t>;

class DeviceWorld {
 public:
  static constexpr std::uint64_t kSlabBytes = std::uint64_t{1} << 20;
  static constexpr std::uint32_t kSlabs = 3;

  DeviceWorld(FakeDriver& fake, std::mt19937_64& random)
      : fake_(fake), random_(random), shape_(random), pool_(kSlabBytes, kSlabs) {
    auto context = Context::RetainPrimary(fake.api(), 0);
    EXPECT_TRUE(context.ok()) << context.status().message();
    context_ = std::move(context).value();
    const ScopedContext current(*context_);
    for (const Bytes& bytes : shape_.memory()) {
      auto memory = AllocateDevice(context_, bytes.size());
      EXPECT_TRUE(memory.ok()) << memory.status().message();
      addresses_.push_back(memory.value().get());
      memory_.push_back(std::move(memory).value());
    }
    ToGpu();
    SpreadSlots();
  }

  static CudaDeviceOptions Options() {
    CudaDeviceOptions options;
    options.slab_bytes = kSlabBytes;
    options.calibrate = false;
    options.pins.piece_bytes = std::uint64_t{256} << 10;
    return options;
  }

  Result<std::unique_ptr<CudaDevice>> MakeDevice(const CudaDeviceOptions& options) {
    return CudaDevice::Create(Layout(), pool_.OpenSlabs(), options, &fake_.api());
  }
  // And waits until all slabs are registered.
  void Open(const CudaDeviceOptions& options = Options()) {
    auto device = MakeDevice(options);
    ASSERT_TRUE(device.ok()) << device.status().message();
    device_ = device.value().get();
    engine_ = TransferEngine::Create(std::move(device).value());
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (device_->slabs_ready() < kSlabs) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "slabs are not registered";
      std::this_thread::yield();
    }
  }
  void Close() { engine_.reset(); }

  BlockLayout Layout() const { return shape_.LayoutAt(addresses_); }
  RandomLayout& shape() { return shape_; }
  TestPool& pool() { return pool_; }
  TransferEngine& engine() { return *engine_; }
  CudaDevice& device() { return *device_; }
  const ContextPtr& context() const { return context_; }
  const std::vector<std::uint64_t>& addresses() const { return addresses_; }

  // What the GPU has becomes the shape's image, and the other way round.
  void ToGpu() {
    for (std::size_t i = 0; i < addresses_.size(); ++i) {
      const Bytes& image = shape_.memory()[i];
      std::memcpy(fake_.fake_cuda_bytes(addresses_[i]), image.data(), image.size());
    }
  }
  std::vector<Bytes> OnGpu() const {
    std::vector<Bytes> found;
    for (std::size_t i = 0; i < addresses_.size(); ++i) {
      const auto* from = static_cast<const std::uint8_t*>(fake_.fake_cuda_bytes(addresses_[i]));
      found.emplace_back(from, from + memory_bytes(i));
    }
    return found;
  }

  // Some blocks in random order, each with the slot that is its own.
  std::vector<BlockCopy> SomeBlocks() {
    std::vector<std::uint32_t> ids(std::min<std::size_t>(shape_.blocks(), slots_.size()));
    std::iota(ids.begin(), ids.end(), 0U);
    if (random_() % 3 != 0) std::shuffle(ids.begin(), ids.end(), random_);
    ids.resize(1 + random_() % ids.size());
    std::vector<BlockCopy> blocks;
    for (const std::uint32_t id : ids) blocks.push_back({id, slots_[id]});
    return blocks;
  }
  Bytes InSlot(const SlotAddress& slot) {
    Bytes bytes(Layout().slot_bytes());
    const iovec target{bytes.data(), bytes.size()};
    EXPECT_TRUE(pool_.slab(slot.slab_ordinal).Read(slot.offset_bytes(), {&target, 1}).ok());
    return bytes;
  }
  void PutSlot(const SlotAddress& slot, const Bytes& bytes) {
    const iovec source{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
    EXPECT_TRUE(pool_.slab(slot.slab_ordinal).Write(slot.offset_bytes(), {&source, 1}).ok());
  }
  Bytes RandomSlot() {
    Bytes bytes(Layout().slot_bytes());
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random_());
    return bytes;
  }

  Status Run(JobKind kind, const std::vector<BlockCopy>& blocks,
             std::vector<std::uint32_t> group_ends = {}) {
    auto job = engine_->Submit(
        {.kind = kind, .blocks = blocks, .group_ends = std::move(group_ends)});
    if (!job.ok()) return job.status();
    const std::uint32_t groups = 1;
    Status status;
    for (;;) {
      const auto report = engine_->Poll(job.value());
      if (!report.ok()) return report.status();
      if (report.value().done) {
        status = report.value().status;
        break;
      }
      (void)engine_->WaitGroup(job.value(), groups - 1, std::chrono::milliseconds(5));
    }
    engine_->Forget(job.value());
    return status;
  }
  // Random end layers of groups.
  std::vector<std::uint32_t> SomeGroups() {
    std::vector<std::uint32_t> ends;
    for (std::uint32_t end = 1; end < shape_.layers(); ++end) {
      if (random_() % 2 == 0) ends.push_back(end);
    }
    ends.push_back(shape_.layers());
    return ends;
  }

 private:
  std::size_t memory_bytes(std::size_t i) const {
    return const_cast<RandomLayout&>(shape_).memory()[i].size();
  }
  // One slot for each block, as many as the pool has, neighbours or not.
  void SpreadSlots() {
    const std::uint64_t pitch = RoundUpToPage(Layout().slot_bytes());
    for (std::uint32_t slab = 0; slab < kSlabs; ++slab) {
      for (std::uint64_t at = 0; at + pitch <= kSlabBytes; at += pitch) {
        slots_.push_back({slab, static_cast<std::uint32_t>(at / kPageBytes)});
      }
    }
    if (random_() % 2 == 0) std::shuffle(slots_.begin(), slots_.end(), random_);
  }

  FakeDriver& fake_;
  std::mt19937_64& random_;
  RandomLayout shape_;
  TestPool pool_;
  ContextPtr context_;
  std::vector<DeviceMemory> memory_;
  std::vector<std::uint64_t> addresses_;
  std::vector<SlotAddress> slots_;
  std::unique_ptr<TransferEngine> engine_;
  CudaDevice* device_ = nullptr;
};

}  // namespace pega::cuda
