#include "cuda/plan/cost_measurement.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

#include "cuda/plan/calibration_file.h"
#include "cuda/plan/timed_copies.h"

namespace pega::cuda {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRepeats = 8;
constexpr int kMeasurements = 32;     // about as many as there are
constexpr double kWarmUpSeconds = 0.15;
constexpr double kSecondsMin = 1e-9;  // below what events can tell

class Measuring {
 public:
  Measuring(TimedCopies copies, Clock::time_point began, double seconds_max)
      : copies_(std::move(copies)), began_(began), seconds_max_(seconds_max) {}

  // What matters most first: a bound of time leaves out the rest.
  Status MeasureAll(CostModel& cost) {
    PEGA_RETURN_IF_ERROR(WarmUp());
    for (const Direction direction : {Direction::kToDevice, Direction::kToHost}) {
      PEGA_RETURN_IF_ERROR(MeasureLong(direction, cost));
      PEGA_RETURN_IF_ERROR(MeasureStaged(direction, cost));
    }
    PEGA_RETURN_IF_ERROR(MeasureFixed(cost));
    for (std::size_t i = 0; i < cost.of(Direction::kToDevice).pitched_bytes_per_s.size(); ++i) {
      for (const Direction direction : {Direction::kToDevice, Direction::kToHost}) {
        PEGA_RETURN_IF_ERROR(MeasurePitched(direction, i, cost));
      }
    }
    return Status::Ok();
  }

  bool left_out() const { return left_out_; }

 private:
  double spent_seconds() const {
    const std::chrono::duration<double> spent = Clock::now() - began_;
    return spent.count();
  }
  static DirectionCost& Of(CostModel& cost, Direction direction) {
    return cost.direction[static_cast<std::size_t>(direction)];
  }

  // An idle GPU and its link take some time to come up to speed (measured on an H100: a quarter
  // slower at first).
  Status WarmUp() {
    const double until = spent_seconds() + std::min(kWarmUpSeconds, seconds_max_ / 8);
    do {
      for (const Direction direction : {Direction::kToDevice, Direction::kToHost}) {
        const Result<double> seconds = copies_.Long(direction, 2 * TimedCopies::kCopyBytes);
        if (!seconds.ok()) return seconds.status();
      }
    } while (spent_seconds() < until);
    return Status::Ok();
  }

  // The shortest of some times, the first left out: it warms up. What holds up a copy, or the thread
  // that gives it, makes times longer, never shorter. On a GPU that is slow, of fewer times. `use`
  // is not called out of time.
  template <typename Time, typename Use>
  Status Shortest(Time time, Use use) {
    const double share_end = spent_seconds() + seconds_max_ / kMeasurements;
    std::vector<double> times;
    for (int i = 0; i <= kRepeats && (i == 0 || spent_seconds() < share_end); ++i) {
      if (spent_seconds() >= seconds_max_) {
        left_out_ = true;
        return Status::Ok();
      }
      const Result<double> seconds = time();
      if (!seconds.ok()) return seconds.status();
      if (i == 1) times.clear();
      times.push_back(std::max(seconds.value(), kSecondsMin));
    }
    use(*std::min_element(times.begin(), times.end()));
    return Status::Ok();
  }

  // By what more bytes take longer; where times are too uneven for that, by what all take.
  static double Rate(std::uint64_t few_bytes, double few, std::uint64_t many_bytes, double many) {
    const double share =
        static_cast<double>(many_bytes - few_bytes) / static_cast<double>(many_bytes);
    if (many - few < many * share / 2) return static_cast<double>(many_bytes) / many;
    return static_cast<double>(many_bytes - few_bytes) / (many - few);
  }

  Status MeasureLong(Direction direction, CostModel& cost) {
    constexpr std::uint64_t kBytes = TimedCopies::kCopyBytes;
    double few = 0;
    PEGA_RETURN_IF_ERROR(Shortest([&] { return copies_.Long(direction, kBytes); },
                                [&](double seconds) { few = seconds; }));
    return Shortest([&] { return copies_.Long(direction, 2 * kBytes); },
                  [&](double many) {
                    Of(cost, direction).link_bytes_per_s = Rate(kBytes, few, 2 * kBytes, many);
                    timing_seconds_ = std::clamp(2 * few - many, 0.0, few / 20);
                  });
  }

  Status MeasurePitched(Direction direction, std::size_t power, CostModel& cost) {
    return Shortest(
        [&] { return copies_.Pitched(direction, kPitchedRowBytesMin << power); },
        [&](double seconds) {
          DirectionCost& of = Of(cost, direction);
          const double rate = static_cast<double>(TimedCopies::kCopyBytes) /
                              (seconds - std::min(timing_seconds_, seconds / 20));
          of.pitched_bytes_per_s[power] = std::min(rate, of.link_bytes_per_s);
        });
  }

  Status MeasureStaged(Direction direction, CostModel& cost) {
    constexpr std::uint32_t kFew = 2;
    constexpr std::uint32_t kMany = 8;
    constexpr std::uint32_t kRows = TimedCopies::kChunkBytes / TimedCopies::kRowBytes;
    double few = 0;
    PEGA_RETURN_IF_ERROR(Shortest([&] { return copies_.Staged(direction, kFew, kRows); },
                                [&](double seconds) { few = seconds; }));
    return Shortest([&] { return copies_.Staged(direction, kMany, kRows); },
                  [&](double many) {
                    Of(cost, direction).staged_bytes_per_s =
                        Rate(kFew * TimedCopies::kChunkBytes, few, kMany * TimedCopies::kChunkBytes,
                             many);
                  });
  }

  // Of copies, calls and kernels.
  Status MeasureFixed(CostModel& cost) {
    double one = 0;
    PEGA_RETURN_IF_ERROR(
        Shortest([&] { return copies_.Long(Direction::kToDevice, TimedCopies::kCopyBytes); },
               [&](double seconds) { one = seconds; }));
    std::vector<double> calls;
    const auto many = [&]() -> Result<double> {
      const Result<TimedCopies::Many> times = copies_.ManyCopies(Direction::kToDevice);
      if (!times.ok()) return times.status();
      calls.push_back(times.value().cpu_seconds / TimedCopies::kManyCopies);
      return times.value().gpu_seconds;
    };
    PEGA_RETURN_IF_ERROR(Shortest(many, [&](double seconds) {
      cost.copy_seconds = std::max((seconds - one) / (TimedCopies::kManyCopies - 1), kSecondsMin);
      cost.call_seconds = std::max(*std::min_element(calls.begin(), calls.end()), kSecondsMin);
    }));
    double direct = 0;
    PEGA_RETURN_IF_ERROR(
        Shortest([&] { return copies_.Long(Direction::kToDevice, TimedCopies::kRowBytes); },
               [&](double seconds) { direct = seconds; }));
    return Shortest(
        [&] { return copies_.Staged(Direction::kToDevice, 1, 1); },
        [&](double seconds) { cost.staged_seconds = std::max(seconds - direct, kSecondsMin); });
  }

  TimedCopies copies_;
  const Clock::time_point began_;
  const double seconds_max_;
  double timing_seconds_ = 0;  // what a single copy's time has above its bytes'
  bool left_out_ = false;
};

}  // namespace

Result<CostMeasurement> MeasureCost(const ContextPtr& context, double seconds_max) {
  const Clock::time_point began = Clock::now();
  const ScopedContext current(*context);
  PEGA_RETURN_IF_ERROR(current.status());
  Result<TimedCopies> copies = TimedCopies::Create(context);
  if (!copies.ok()) return copies.status();
  Measuring measuring(std::move(copies).value(), began, seconds_max);
  CostMeasurement measured;
  PEGA_RETURN_IF_ERROR(measuring.MeasureAll(measured.cost));
  if (measuring.left_out()) {  // half of the values would be worse than none: relations matter
    measured = {CostModel{},
                "the GPU was too slow or too busy to be measured in time: "
                "the values are those of an H100"};
  } else if (!IsPlausible(measured.cost)) {
    measured = {CostModel{}, "what was measured can't be right: the values are those of an H100"};
  }
  return measured;
}

}  // namespace pega::cuda
