#include "transfer/host_device.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "transfer/random_layout.h"
#include "transfer/test_pool.h"
#include "transfer/transfer_engine.h"

namespace pega {
namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr std::chrono::milliseconds kSoon = std::chrono::seconds(60);
constexpr std::uint64_t kSlabBytes = std::uint64_t{4} << 20;

std::uint64_t Seed() {
  const char* given = std::getenv("PEGA_TEST_SEED");
  return given == nullptr ? std::random_device{}() : std::strtoull(given, nullptr, 10);
}

std::vector<SlotAddress> ShuffledSlots(std::uint64_t slot_bytes, const TestPool& pool,
                                       std::mt19937_64& random) {
  std::vector<SlotAddress> slots;
  const std::uint64_t padded = RoundUpToPage(slot_bytes);
  for (std::uint32_t slab = 0; slab < pool.slab_count(); ++slab) {
    for (std::uint64_t at = 0; at + padded <= kSlabBytes; at += padded) {
      slots.push_back({slab, static_cast<std::uint32_t>(at / kPageBytes)});
    }
  }
  std::shuffle(slots.begin(), slots.end(), random);
  return slots;
}

std::vector<std::uint32_t> RandomGroups(std::uint32_t layers, std::mt19937_64& random) {
  std::vector<std::uint32_t> ends;
  for (std::uint32_t layer = 1; layer < layers; ++layer) {
    if (random() % 3 == 0) ends.push_back(layer);
  }
  if (!ends.empty() || random() % 2 == 0) ends.push_back(layers);
  return ends;
}

std::vector<BlockCopy> PairRandomly(std::uint32_t block_count,
                                    const std::vector<SlotAddress>& slots,
                                    std::mt19937_64& random) {
  std::vector<std::uint32_t> blocks(block_count);
  std::iota(blocks.begin(), blocks.end(), 0U);
  std::shuffle(blocks.begin(), blocks.end(), random);
  std::vector<BlockCopy> copies;
  for (std::size_t i = 0; i < std::min(blocks.size(), slots.size()); ++i) {
    copies.push_back({blocks[i], slots[i]});
  }
  return copies;
}

Status RunJob(TransferEngine& engine, JobSpec spec) {
  const auto job = engine.Submit(std::move(spec));
  if (!job.ok()) return job.status();
  const auto report = [&] { return engine.Poll(job.value()).value(); };
  std::uint32_t group = 0;
  while (!report().done) {
    const Status status = engine.WaitGroup(job.value(), group++, kSoon);
    if (!status.ok()) return status;
  }
  return report().status;
}

// Stores some blocks of a random layout into random slots, loads them into other blocks, and looks
// at every byte: of the slots, of the blocks, and of what lies between them.
void RoundTrip(TestPool& pool, std::mt19937_64& random) {
  RandomLayout device(random);
  const BlockLayout layout = device.Layout();
  const auto threads = static_cast<std::uint32_t>(1 + random() % 4);
  const auto engine = TransferEngine::Create(MakeHostDevice(layout, pool.OpenSlabs(), threads));
  const std::vector<SlotAddress> slots = ShuffledSlots(layout.slot_bytes(), pool, random);

  const std::vector<BlockCopy> stores = PairRandomly(device.blocks(), slots, random);
  std::vector<Bytes> stored;
  for (const BlockCopy& copy : stores) stored.push_back(device.SlotOf(copy.device_block));
  Status status = RunJob(*engine, {.kind = JobKind::kStore, .blocks = stores});
  ASSERT_TRUE(status.ok()) << status.message();
  for (std::size_t i = 0; i < stores.size(); ++i) {
    Bytes slot(layout.slot_bytes());
    const iovec target{slot.data(), slot.size()};
    ASSERT_TRUE(pool.slab(stores[i].slot.slab_ordinal)
                    .Read(stores[i].slot.offset_bytes(), std::span(&target, 1))
                    .ok());
    ASSERT_EQ(slot, stored[i]) << "slot of store " << i;
  }

  device.Scramble();
  std::vector<Bytes> expected = device.memory();
  std::vector<BlockCopy> loads = PairRandomly(device.blocks(), slots, random);
  for (std::size_t i = 0; i < loads.size(); ++i) {
    device.PutSlot(loads[i].device_block, stored[i], expected);
  }
  const JobKind kind = random() % 2 == 0 ? JobKind::kLoadSync : JobKind::kLoadAsync;
  status =
      RunJob(*engine,
             {.kind = kind, .blocks = loads, .group_ends = RandomGroups(device.layers(), random)});
  ASSERT_TRUE(status.ok()) << status.message();
  ASSERT_TRUE(device.memory() == expected) << "device memory after the load";
}

TEST(HostDevice, BringsBackWhatItStored) {
  const std::uint64_t seed = Seed();
  std::printf("PEGA_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  TestPool pool(kSlabBytes, 3);
  for (int round = 0; round < 40; ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed) + " round " + std::to_string(round));
    RoundTrip(pool, random);
    if (testing::Test::HasFatalFailure()) return;
  }
}

// One layer in one allocation, a page a block.
class PlainDevice {
 public:
  explicit PlainDevice(std::uint32_t blocks, std::uint64_t block_bytes = kPageBytes)
      : memory_(blocks * block_bytes), block_bytes_(block_bytes) {}
  BlockLayout Layout() {
    return BlockLayout::Create({{reinterpret_cast<std::uint64_t>(memory_.data()), memory_.size()}},
                               {{0, 0, 0, block_bytes_, block_bytes_}},
                               memory_.size() / block_bytes_)
        .value();
  }
  Bytes& memory() { return memory_; }

 private:
  Bytes memory_;
  std::uint64_t block_bytes_;
};

TEST(HostDevice, ATruncatedSlabFailsItsJobsAndNoOthers) {
  TestPool pool(kSlabBytes, 2);
  PlainDevice device(4);
  const auto engine = TransferEngine::Create(MakeHostDevice(device.Layout(), pool.OpenSlabs(), 2));
  const std::vector<BlockCopy> whole = {{0, {0, 0}}, {1, {0, 1}}};
  const std::vector<BlockCopy> cut = {{2, {1, 0}}, {3, {1, 1000}}};
  ASSERT_TRUE(RunJob(*engine, {.kind = JobKind::kStore, .blocks = cut}).ok());
  std::filesystem::resize_file(pool.SlabPath(1), kPageBytes * 1000);
  EXPECT_EQ(RunJob(*engine, {.kind = JobKind::kLoadSync, .blocks = cut}).code(),
            Code::kSlabChanged);
  EXPECT_EQ(RunJob(*engine, {.kind = JobKind::kStore, .blocks = cut}).code(), Code::kSlabChanged);
  EXPECT_EQ(std::filesystem::file_size(pool.SlabPath(1)), kPageBytes * 1000) << "not made longer";
  EXPECT_TRUE(RunJob(*engine, {.kind = JobKind::kStore, .blocks = whole}).ok());
  EXPECT_TRUE(RunJob(*engine, {.kind = JobKind::kLoadAsync, .blocks = whole}).ok());
  EXPECT_EQ(engine->stats().failed_jobs_total, 2U);
}

TEST(HostDevice, ASlabReplacedBeforeItsFirstUseIsRefused) {
  TestPool pool(kSlabBytes, 1);
  PlainDevice device(1);
  const auto engine = TransferEngine::Create(MakeHostDevice(device.Layout(), pool.OpenSlabs(), 1));
  const std::string path = pool.SlabPath(0);
  std::filesystem::copy_file(path, path + ".copy");
  std::filesystem::rename(path + ".copy", path);
  EXPECT_EQ(RunJob(*engine, {.blocks = {{0, {0, 0}}}}).code(), Code::kSlabChanged);
}

TEST(HostDevice, SlotsThatAreNoneFail) {
  TestPool pool(kSlabBytes, 1);
  PlainDevice device(1);
  const auto engine = TransferEngine::Create(MakeHostDevice(device.Layout(), pool.OpenSlabs(), 1));
  EXPECT_EQ(RunJob(*engine, {.blocks = {{0, {7, 0}}}}).code(), Code::kNotFound);
  const auto beyond = static_cast<std::uint32_t>(kSlabBytes / kPageBytes);
  EXPECT_EQ(RunJob(*engine, {.kind = JobKind::kStore, .blocks = {{0, {0, beyond}}}}).code(),
            Code::kInvalidArgument);
}

// A server that restarted: what is open goes on (its bits protect it), what is not is a miss.
TEST(HostDevice, ANewBootEndsOnlyWhatWasNotOpen) {
  TestPool pool(kSlabBytes, 2);
  PlainDevice device(1);
  device.memory().assign(device.memory().size(), 7);
  const auto engine = TransferEngine::Create(MakeHostDevice(device.Layout(), pool.OpenSlabs(), 1));
  ASSERT_TRUE(RunJob(*engine, {.kind = JobKind::kStore, .blocks = {{0, {0, 3}}}}).ok());
  device.memory().assign(device.memory().size(), 0);
  ASSERT_TRUE(pool.header().Begin(kSlabBytes).ok());
  EXPECT_TRUE(RunJob(*engine, {.blocks = {{0, {0, 3}}}}).ok());
  EXPECT_EQ(device.memory(), Bytes(device.memory().size(), 7));
  EXPECT_EQ(RunJob(*engine, {.blocks = {{0, {1, 3}}}}).code(), Code::kStaleBoot);
}

// Every piece has blocks and slots of its own: only the order is common.
TEST(HostDevice, EndsPiecesOfAKindInTheOrderOfTheirStart) {
  constexpr std::uint64_t kPages = 8;  // a block: 32 KiB, 32 a share
  const std::vector<std::size_t> sizes = {40, 1, 33, 2, 1, 36, 9, 1};
  TestPool pool(kSlabBytes, 4);
  PlainDevice memory(3 * 128, kPages * kPageBytes);
  const std::unique_ptr<Device> device = MakeHostDevice(memory.Layout(), pool.OpenSlabs(), 4);
  std::vector<BlockCopy> blocks;
  for (std::uint32_t i = 0; i < 3 * 128; ++i) blocks.push_back({i, {i / 128, i % 128 * 8}});
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::vector<int>> ends(3);
  std::span<const BlockCopy> left(blocks);
  for (int i = 0; i < 8; ++i) {
    for (const JobKind kind : {JobKind::kStore, JobKind::kLoadAsync, JobKind::kLoadSync}) {
      device->Start({kind, left.first(sizes[i]), 0, 1}, [&, i, kind](const Status& status) {
        const std::lock_guard lock(mutex);
        ends[static_cast<std::size_t>(kind)].push_back(status.ok() ? i : -1);
        changed.notify_all();
      });
      left = left.subspan(sizes[i]);
    }
  }
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] {
    return std::all_of(ends.begin(), ends.end(), [](const auto& kind) { return kind.size() == 8; });
  });
  for (const std::vector<int>& kind : ends) {
    EXPECT_EQ(kind, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
  }
}

// Loads and stores of different blocks at once, from several threads, through one engine.
TEST(HostDevice, CopiesForManyAtOnce) {
  TestPool pool(kSlabBytes, 4);
  constexpr std::uint32_t kThreads = 4;
  constexpr std::uint32_t kBlocks = 24;
  PlainDevice device(kThreads * kBlocks, 8 * kPageBytes);
  const auto engine = TransferEngine::Create(MakeHostDevice(device.Layout(), pool.OpenSlabs(), 3));
  std::atomic<std::uint32_t> wrong = 0;
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::vector<BlockCopy> blocks;
      for (std::uint32_t i = 0; i < kBlocks; ++i) blocks.push_back({t * kBlocks + i, {t, i * 8}});
      const std::span own = std::span(device.memory())
                                .subspan(t * kBlocks * 8 * kPageBytes, kBlocks * 8 * kPageBytes);
      for (std::uint32_t round = 0; round < 8; ++round) {
        const auto value = static_cast<std::uint8_t>(t * 50 + round + 1);
        std::fill(own.begin(), own.end(), value);
        if (!RunJob(*engine, {.kind = JobKind::kStore, .blocks = blocks}).ok()) ++wrong;
        std::fill(own.begin(), own.end(), std::uint8_t{0});
        const JobKind kind = round % 2 == 0 ? JobKind::kLoadSync : JobKind::kLoadAsync;
        if (!RunJob(*engine, {.kind = kind, .blocks = blocks}).ok()) ++wrong;
        if (!std::all_of(own.begin(), own.end(), [&](std::uint8_t b) { return b == value; }))
          ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0U);
}

TEST(HostDevice, TheEngineMayGoWhileCopiesRun) {
  TestPool pool(kSlabBytes, 1);
  constexpr std::uint32_t kBlocks = 16;  // of 64 KiB
  PlainDevice device(3 * kBlocks, 16 * kPageBytes);
  for (int round = 0; round < 10; ++round) {
    std::atomic<int> ends = 0;
    auto engine = TransferEngine::Create(MakeHostDevice(device.Layout(), pool.OpenSlabs(), 3));
    std::uint32_t next = 0;
    for (const JobKind kind : {JobKind::kStore, JobKind::kStore, JobKind::kLoadAsync}) {
      JobSpec spec{.kind = kind};
      for (std::uint32_t i = 0; i < kBlocks; ++i, ++next)
        spec.blocks.push_back({next, {0, next * 16}});
      spec.on_group = [&](JobId, std::uint32_t, const Status& status) {
        if (status.ok() || status.code() == Code::kCancelled) ++ends;
      };
      ASSERT_TRUE(engine->Submit(std::move(spec)).ok());
    }
    engine.reset();
    EXPECT_EQ(ends, 3);
  }
}

}  // namespace
}  // namespace pega
