#include "cuda/plan/cost_measurement.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>
#include <vector>

#include "cuda/plan/calibration_file.h"
#include "cuda/plan/timed_copies.h"

namespace pega::cuda {
namespace {

constexpr int kRepeats = 5;
constexpr double kSecondsMin = 1e-9;  // below what events can tell

class Measuring {
 public:
  Measuring(TimedCopies copies, double seconds_max)
      : copies_(std::move(copies)), seconds_max_(seconds_max) {}

  // What matters most first: a bound of time leaves out the rest.
  Status MeasureAll(CostModel& cost) {
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

  bool out_of_time() const {
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - began_;
    return spent.count() >= seconds_max_;
  }
  bool left_out() const { return left_out_; }

 private:
  static DirectionCost& Of(CostModel& cost, Direction direction) {
    return cost.direction[static_cast<std::size_t>(direction)];
  }

  // The median of some times, the first left out: it warms up. `use` is not called out of time.
  template <typename Time, typename Use>
  Status Median(Time time, Use use) {
    std::vector<double> times;
    for (int i = 0; i <= kRepeats; ++i) {
      if (out_of_time()) {
        left_out_ = true;
        return Status::Ok();
      }
      const Result<double> seconds = time();
      if (!seconds.ok()) return seconds.status();
      if (i > 0) times.push_back(std::max(seconds.value(), kSecondsMin));
    }
    std::nth_element(times.begin(), times.begin() + kRepeats / 2, times.end());
    use(times[kRepeats / 2]);
    return Status::Ok();
  }

  Status MeasureLong(Direction direction, CostModel& cost) {
    constexpr std::uint64_t kBytes = 2 * TimedCopies::kCopyBytes;
    return Median([&] { return copies_.Long(direction, kBytes); },
                  [&](double seconds) {
                    Of(cost, direction).link_bytes_per_s = static_cast<double>(kBytes) / seconds;
                  });
  }

  Status MeasurePitched(Direction direction, std::size_t power, CostModel& cost) {
    return Median([&] { return copies_.Pitched(direction, kPitchedRowBytesMin << power); },
                  [&](double seconds) {
                    Of(cost, direction).pitched_bytes_per_s[power] =
                        static_cast<double>(TimedCopies::kCopyBytes) / seconds;
                  });
  }

  // What six chunks more take; where times are too uneven for that, what all take.
  Status MeasureStaged(Direction direction, CostModel& cost) {
    constexpr std::uint32_t kFew = 2;
    constexpr std::uint32_t kMany = 8;
    constexpr std::uint32_t kRows = TimedCopies::kChunkBytes / TimedCopies::kRowBytes;
    constexpr auto kBytes = static_cast<double>(TimedCopies::kChunkBytes);
    double few = 0;
    PEGA_RETURN_IF_ERROR(Median([&] { return copies_.Staged(direction, kFew, kRows); },
                                [&](double seconds) { few = seconds; }));
    return Median([&] { return copies_.Staged(direction, kMany, kRows); },
                  [&](double many) {
                    const bool even = many - few > many / 2;
                    Of(cost, direction).staged_bytes_per_s =
                        even ? (kMany - kFew) * kBytes / (many - few) : kMany * kBytes / many;
                  });
  }

  // Of copies, calls and kernels.
  Status MeasureFixed(CostModel& cost) {
    double one = 0;
    PEGA_RETURN_IF_ERROR(
        Median([&] { return copies_.Long(Direction::kToDevice, TimedCopies::kCopyBytes); },
               [&](double seconds) { one = seconds; }));
    std::vector<double> calls;
    const auto many = [&]() -> Result<double> {
      const Result<TimedCopies::Many> times = copies_.ManyCopies(Direction::kToDevice);
      if (!times.ok()) return times.status();
      calls.push_back(times.value().cpu_seconds / TimedCopies::kManyCopies);
      return times.value().gpu_seconds;
    };
    PEGA_RETURN_IF_ERROR(Median(many, [&](double seconds) {
      cost.copy_seconds = std::max((seconds - one) / (TimedCopies::kManyCopies - 1), kSecondsMin);
      std::nth_element(calls.begin(), calls.begin() + kRepeats / 2, calls.end());
      cost.call_seconds = std::max(calls[kRepeats / 2], kSecondsMin);
    }));
    double direct = 0;
    PEGA_RETURN_IF_ERROR(
        Median([&] { return copies_.Long(Direction::kToDevice, TimedCopies::kRowBytes); },
               [&](double seconds) { direct = seconds; }));
    return Median(
        [&] { return copies_.Staged(Direction::kToDevice, 1, 1); },
        [&](double seconds) { cost.staged_seconds = std::max(seconds - direct, kSecondsMin); });
  }

  TimedCopies copies_;
  const double seconds_max_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  bool left_out_ = false;
};

}  // namespace

Result<CostMeasurement> MeasureCost(const ContextPtr& context, double seconds_max) {
  const ScopedContext current(*context);
  PEGA_RETURN_IF_ERROR(current.status());
  Result<TimedCopies> copies = TimedCopies::Create(context);
  if (!copies.ok()) return copies.status();
  Measuring measuring(std::move(copies).value(), seconds_max);
  CostMeasurement measured;
  PEGA_RETURN_IF_ERROR(measuring.MeasureAll(measured.cost));
  if (measuring.left_out()) {
    measured.note =
        "the GPU was too slow or too busy to measure all in time: "
        "some values are those of an H100";
  } else if (!IsPlausible(measured.cost)) {
    measured = {CostModel{}, "what was measured can't be right: the values are those of an H100"};
  }
  return measured;
}

}  // namespace pega::cuda
