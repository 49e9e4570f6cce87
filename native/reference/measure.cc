// What this machine can do with the model's own kernels: the measure that prefill is held against.
#include <atomic>
#include <chrono>

#include "reference/packed_matrix.h"
#include "reference/reference_model.h"

namespace pega {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

double MeasureFmaPeak(std::uint32_t threads, double seconds) {
  constexpr std::size_t kRounds = 100'000;
  const Kernels& kernels = BestKernels();
  ThreadTeam team(threads);
  std::atomic<std::uint64_t> bursts{0};
  std::atomic<float> sink{0};
  const auto start = Clock::now();
  team.Run(threads, [&](std::size_t, std::size_t) {
    while (SecondsSince(start) < seconds) {
      sink.store(kernels.fma_rounds(kRounds));
      bursts.fetch_add(1);
    }
  });
  return static_cast<double>(bursts.load()) * kRounds * kernels.flops_per_round /
         SecondsSince(start);
}

double MeasureSgemm(std::uint32_t threads, std::uint32_t size, double seconds) {
  const Kernels& kernels = BestKernels();
  ThreadTeam team(threads);
  const PackedMatrix weights(kernels, team, size, {{.seed = 1, .columns = size}});
  FloatBuffer a(RoundUp(size, kernels.tile_rows) * size);
  FloatBuffer c(RoundUp(size, kernels.tile_rows) * weights.padded_columns());
  if (!weights.valid() || !a.valid() || !c.valid()) return 0;
  for (std::size_t i = 0; i < a.size(); ++i) a.get()[i] = static_cast<float>(i % 7) - 3;
  const double operations = 2.0 * size * size * size;
  double done = 0;
  const auto start = Clock::now();
  do {
    weights.Multiply(kernels, team, a.get(), size, c.get(), weights.padded_columns(), false);
    done += operations;
  } while (SecondsSince(start) < seconds);
  return done / SecondsSince(start);
}

}  // namespace pega
