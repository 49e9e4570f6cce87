// pin_speed FOLDER POOL_GIB [FILL_THREADS [SECONDS]]: on a machine with a GPU, how soon a pool of that
// size in that tmpfs or hugetlbfs folder is filled and pinned while it is being filled, what
// registering does to launches and to graph captures in another thread, and how fast it is undone.
// Prints JSON lines.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "beside.h"
#include "cuda/gpu/gpu.h"
#include "growing_pool.h"

namespace pega::cuda::gpu {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

const char* NameOf(SlabPages pages) {
  return pages == SlabPages::kSmall ? "4k" : pages == SlabPages::kHugetlb ? "hugetlb" : "huge-shmem";
}

struct Times {
  double first_filled_s = 0, first_usable_s = 0, filled_s = 0, pinned_s = 0, undone_s = 0;
};

void MeasureStart(const ContextPtr& context, const GrowingPlan& plan, std::uint32_t pin_threads) {
  GrowingPool pool(plan);
  auto pins = PinnedSlabs::Start(
      context, pool.Open(), {.slab_bytes = plan.slab_bytes, .threads = pin_threads}, [] {});
  Times times;
  const Clock::time_point start = Clock::now();
  pool.Start();
  PinProgress progress;
  while (progress.slabs_ready < pool.slabs_total()) {
    const bool filled = pool.Poll();
    progress = pins->progress();
    Must(progress.error);
    const double now_s = SecondsSince(start);
    if (times.first_filled_s == 0 && progress.slabs_published > 0) times.first_filled_s = now_s;
    if (times.first_usable_s == 0 && progress.slabs_ready > 0) times.first_usable_s = now_s;
    if (times.filled_s == 0 && filled) times.filled_s = now_s;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  times.pinned_s = SecondsSince(start);
  const Clock::time_point end = Clock::now();
  pins.reset();
  times.undone_s = SecondsSince(end);
  std::printf(
      "{\"what\":\"start\",\"pages\":\"%s\",\"pool_gib\":%.1f,\"slab_mib\":%llu,"
      "\"fill_threads\":%u,\"slabs_at_once\":%u,\"allocate_first\":%s,\"pin_threads\":%u,"
      "\"first_filled_s\":%.3f,\"first_usable_s\":%.3f,\"filled_s\":%.3f,\"pinned_s\":%.3f,"
      "\"in_driver_s\":%.3f,\"undone_s\":%.3f}\n",
      NameOf(pool.pages()), static_cast<double>(plan.pool_bytes) / (1 << 30),
      static_cast<unsigned long long>(plan.slab_bytes >> 20), plan.fill_threads,
      plan.slabs_at_once, plan.fill.allocate_first ? "true" : "false", pin_threads,
      times.first_filled_s, times.first_usable_s, times.filled_s, times.pinned_s,
      static_cast<double>(progress.registering_ns) / 1e9, times.undone_s);
  std::fflush(stdout);
}

void MeasureStarts(const ContextPtr& context, GrowingPlan plan) {
  plan.fill.huge_pages = false;
  for (const bool allocate_first : {true, false}) {
    for (const std::uint32_t slabs_at_once : {1u, 4u}) {
      plan.fill.allocate_first = allocate_first;
      plan.slabs_at_once = slabs_at_once;
      MeasureStart(context, plan, 1);
    }
  }
  plan.fill.allocate_first = true;
  for (const std::uint32_t pin_threads : {2u, 4u}) MeasureStart(context, plan, pin_threads);
  plan.fill.huge_pages = true;  // the kernel gives them where the folder's mount allows it
  for (const std::uint32_t pin_threads : {1u, 2u, 4u}) MeasureStart(context, plan, pin_threads);
}

void MeasureBeside(const ContextPtr& context, GrowingPlan plan, double seconds) {
  plan.pool_bytes = std::min(plan.pool_bytes, 8 * plan.slab_bytes);
  GrowingPool pool(plan);
  pool.FillAll();
  const auto beside = [&](const char* name, std::uint64_t piece_mib, std::uint32_t threads,
                          bool serving) {
    return BesidePlan{.name = name,
                      .registering = piece_mib != 0,
                      .pins = {.slab_bytes = plan.slab_bytes,
                               .piece_bytes = std::max<std::uint64_t>(piece_mib, 1) << 20,
                               .threads = threads},
                      .serving = serving};
  };
  const BesidePlan plans[] = {
      beside("nothing", 0, 1, false),      beside("registering", 64, 1, false),
      beside("registering", 32, 1, false), beside("registering", 16, 1, false),
      beside("registering", 64, 2, false), beside("registering", 64, 1, true),
      beside("registering", 32, 1, true),  beside("registering", 16, 1, true),
      beside("nothing", 0, 1, false)};
  for (const BesidePlan& each : plans) MeasureLaunches(context, pool, each, seconds);
  for (const BesidePlan& each : plans) MeasureCaptures(context, pool, each, seconds);
}

int Main(const std::string& folder, std::uint64_t pool_gib, std::uint32_t fill_threads,
         double seconds) {
  const DriverApi& api = *Take(DriverApi::Get());
  const ContextPtr context = Take(Context::RetainPrimary(api, 0));
  // As torch does it: this thread stays in CUDA's own capture mode.
  Must(ToStatus(api, "cuCtxSetCurrent", api.CtxSetCurrent(context->handle())));
  GrowingPlan plan{.folder = folder,
                   .pool_bytes = pool_gib << 30,
                   .slab_bytes = std::min(pool_gib << 25, std::uint64_t{1} << 30),
                   .fill_threads = fill_threads,
                   .fill = {}};
  MeasureStarts(context, plan);
  MeasureBeside(context, plan, seconds);
  return 0;
}

}  // namespace
}  // namespace pega::cuda::gpu

int main(int argc, char** argv) {
  const std::uint64_t pool_gib = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  if (pool_gib == 0) {
    std::fprintf(stderr, "usage: pin_speed FOLDER POOL_GIB [FILL_THREADS [SECONDS]]\n");
    return 2;
  }
  const auto fill_threads = static_cast<std::uint32_t>(argc > 3 ? std::atoi(argv[3]) : 16);
  const double seconds = argc > 4 ? std::atof(argv[4]) : 1.5;
  return pega::cuda::gpu::Main(argv[1], pool_gib, fill_threads, seconds);
}
