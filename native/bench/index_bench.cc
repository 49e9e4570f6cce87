// pega_index_bench: how fast the pool's index is with 4 Mi blocks resident. Prints one JSON line.
//
//   pega_index_bench [folder, default /dev/shm] [seconds a phase, default 3]
//
// One rank, slots of 4 KiB, chains of 640 random hashes, the pool full, so that every Reserve
// evicts. Slabs have no memory behind them (PoolOptions::fill). Query is Lease, of random resident
// chains; Release is timed apart. Rates are by the wall clock; beside them stands what the calls
// took of the thread's CPU time, which is what a machine that is busy otherwise can tell. A pool of
// 16 GiB in a folder of its own, removed at the end.
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "pool/pool.h"

namespace pega {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kChainBlocks = 640;
constexpr std::uint32_t kHashBytes = 32;
constexpr std::uint64_t kResidentBlocks = std::uint64_t{4} << 20;
constexpr std::uint64_t kChains = kResidentBlocks / kChainBlocks;  // a part of a chain stays free

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double CpuSeconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Private memory of this process: the index, without the mark file, which is shared memory.
std::uint64_t PrivateBytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    std::uint64_t kib = 0;
    if (word == "RssAnon:" && status >> kib) return kib << 10;
  }
  return 0;
}

void Require(const Status& status, const char* what) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s: %s\n", what, status.message().c_str());
  std::exit(1);
}

// Adds up the time of the calls of one kind.
class Stopwatch {
 public:
  template <typename Call>
  auto Time(std::uint64_t blocks, Call call) {
    const double cpu_start = CpuSeconds();
    const Clock::time_point start = Clock::now();
    auto result = call();
    seconds_ += SecondsSince(start);
    const double cpu_seconds = CpuSeconds() - cpu_start;
    cpu_seconds_ += cpu_seconds;
    longest_cpu_seconds_ = std::max(longest_cpu_seconds_, cpu_seconds);
    blocks_ += blocks;
    return result;
  }
  double BlocksPerSecond() const { return static_cast<double>(blocks_) / seconds_; }
  double BlocksPerCpuSecond() const { return static_cast<double>(blocks_) / cpu_seconds_; }
  double LongestCpuMicroseconds() const { return longest_cpu_seconds_ * 1e6; }
  double seconds() const { return seconds_; }
  double cpu_seconds() const { return cpu_seconds_; }

 private:
  double seconds_ = 0;
  double cpu_seconds_ = 0;
  double longest_cpu_seconds_ = 0;
  std::uint64_t blocks_ = 0;
};

class IndexBench {
 public:
  explicit IndexBench(Pool& pool) : pool_(pool), random_(1) {
    NamespaceSpec spec;
    spec.rank_slot_bytes = {kPageBytes};
    const Result<NamespaceHandle> name_space = pool_.OpenNamespace(spec);
    Require(name_space.status(), "OpenNamespace");
    const Result<EngineHandle> engine = pool_.AddEngine(name_space.value());
    Require(engine.status(), "AddEngine");
    engine_ = engine.value();
  }

  // A chain that was not there, in place of the one that was stored longest ago.
  void StoreChain() {
    const std::uint64_t seed = chains_stored_++;
    const std::vector<std::uint8_t> hashes = Hashes(seed);
    const std::uint64_t id = next_id_++;
    Require(reserve.Time(
                kChainBlocks,
                [&] { return pool_.Reserve(engine_, id, true, {}, hashes, outcomes_, reserved_); }),
            "Reserve");
    indices_.clear();
    generations_.clear();
    for (std::uint32_t i = 0; i < kChainBlocks; ++i) {
      if (outcomes_[i] != ReserveOutcome::kSlot) continue;
      indices_.push_back(i);
      generations_.push_back(reserved_[i].generation);
    }
    if (indices_.size() != kChainBlocks) Require(Status(Code::kNoSpace, "no slot"), "Reserve");
    Require(
        seal.Time(kChainBlocks, [&] { return pool_.Seal(engine_, id, {indices_, generations_}); })
            .status(),
        "Seal");
    Require(pool_.RaiseWatermark(engine_, next_id_), "RaiseWatermark");
  }

  void LeaseRandomChain() {
    const std::uint64_t age = 1 + random_() % (kChains - 1);
    const std::vector<std::uint8_t> hashes = Hashes(chains_stored_ - age);
    const std::uint64_t id = next_id_++;
    const Result<std::uint32_t> hit =
        lease.Time(kChainBlocks, [&] { return pool_.Lease(engine_, id, true, hashes, slots_); });
    Require(hit.status(), "Lease");
    hit_blocks += hit.value();
    Require(release.Time(kChainBlocks, [&] { return pool_.Release(engine_, id, kHashesPerBatch); })
                .status(),
            "Release");
    Require(pool_.RaiseWatermark(engine_, next_id_), "RaiseWatermark");
  }

  Stopwatch reserve, seal, lease, release;
  std::uint64_t hit_blocks = 0;

 private:
  static std::vector<std::uint8_t> Hashes(std::uint64_t seed) {
    std::mt19937_64 words(seed + 1);
    std::vector<std::uint8_t> hashes(std::size_t{kChainBlocks} * kHashBytes);
    auto* at = reinterpret_cast<std::uint64_t*>(hashes.data());
    for (std::size_t i = 0; i < hashes.size() / 8; ++i) at[i] = words();
    return hashes;
  }

  Pool& pool_;
  std::mt19937_64 random_;
  EngineHandle engine_ = 0;
  std::uint64_t next_id_ = 1;
  std::uint64_t chains_stored_ = 0;
  std::vector<ReserveOutcome> outcomes_ = std::vector<ReserveOutcome>(kChainBlocks);
  std::vector<ReservedSlot> reserved_ = std::vector<ReservedSlot>(kChainBlocks);
  std::vector<SlotAddress> slots_ = std::vector<SlotAddress>(kChainBlocks);
  std::vector<std::uint32_t> indices_;
  std::vector<std::uint64_t> generations_;
};

void Run(Pool& pool, double seconds) {
  const std::uint64_t before = PrivateBytes();
  IndexBench bench(pool);
  for (std::uint64_t chain = 0; chain <= kChains; ++chain) bench.StoreChain();
  const std::uint64_t blocks = pool.stats().blocks_sealed;
  const double index_bytes =
      static_cast<double>(PrivateBytes() - before) / static_cast<double>(blocks);
  const double estimate =
      static_cast<double>(pool.stats().index_bytes) / static_cast<double>(blocks);
  bench.reserve = bench.seal = Stopwatch();
  while (bench.lease.seconds() + bench.release.seconds() < seconds) bench.LeaseRandomChain();
  while (bench.reserve.seconds() + bench.seal.seconds() < seconds) bench.StoreChain();
  const auto both = [](double a, double b) { return 1 / (1 / a + 1 / b); };
  const double store = both(bench.reserve.BlocksPerSecond(), bench.seal.BlocksPerSecond());
  const double store_cpu =
      both(bench.reserve.BlocksPerCpuSecond(), bench.seal.BlocksPerCpuSecond());
  std::printf("{\"bench\":\"index\",\"resident_blocks\":%llu,\"hit_blocks\":%llu,",
              static_cast<unsigned long long>(blocks),
              static_cast<unsigned long long>(bench.hit_blocks));
  std::printf("\"query_blocks_per_second\":%.0f,\"query_blocks_per_cpu_second\":%.0f,",
              bench.lease.BlocksPerSecond(), bench.lease.BlocksPerCpuSecond());
  std::printf("\"release_blocks_per_second\":%.0f,\"release_blocks_per_cpu_second\":%.0f,",
              bench.release.BlocksPerSecond(), bench.release.BlocksPerCpuSecond());
  std::printf(
      "\"reserve_seal_blocks_per_second\":%.0f,\"reserve_seal_blocks_per_cpu_second\":%.0f,", store,
      store_cpu);
  std::printf("\"index_bytes_per_block\":%.1f,\"index_bytes_per_block_reported\":%.1f,",
              index_bytes, estimate);
  std::printf(
      "\"longest_call_cpu_us\":{\"query\":%.0f,\"release\":%.0f,\"reserve\":%.0f,\"seal\":%.0f}}\n",
      bench.lease.LongestCpuMicroseconds(), bench.release.LongestCpuMicroseconds(),
      bench.reserve.LongestCpuMicroseconds(), bench.seal.LongestCpuMicroseconds());
}

}  // namespace
}  // namespace pega

int main(int argc, char** argv) {
  std::string folder = std::string(argc > 1 ? argv[1] : "/dev/shm") + "/pega-index-bench-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) {
    std::perror("mkdtemp");
    return 1;
  }
  pega::PoolOptions options;
  options.folder.pool_dir = folder;
  options.pool_bytes = pega::kResidentBlocks * pega::kPageBytes;
  options.fill = false;
  pega::Result<std::unique_ptr<pega::Pool>> pool = pega::Pool::Create(options);
  if (pool.ok()) {
    while (pool.value()->fill_progress().slabs_ready < pool.value()->slabs_total()) {
      pool.value()->Poll();
      std::this_thread::yield();
    }
    pega::Run(*pool.value(), argc > 2 ? std::atof(argv[2]) : 3);
    pool.value()->Close(std::chrono::seconds(60));
  } else {
    std::fprintf(stderr, "%s\n", pool.status().message().c_str());
  }
  const bool made = pool.ok();
  pool = pega::Status(pega::Code::kCancelled, "the bench is over");
  std::filesystem::remove_all(folder);
  return made ? 0 : 1;
}
