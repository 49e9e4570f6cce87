// The text of a calibration file: one line a value, written and read; what is odd is refused.
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <utility>

#include "cuda/plan/calibration_file.h"

namespace pega::cuda {
namespace {

constexpr char kFormat[] = "pega-calibration 1";
constexpr double kRateMin = 1e6;  // bytes/s; slower than any link, faster than none
constexpr double kRateMax = 1e13;
constexpr double kPicosecond = 1e-12;
constexpr double kSecondsMax = 0.1;

// visit(name, value, unit): the file has value / unit, rounded.
template <typename Cost, typename Visit>
void ForEachValue(Cost& cost, Visit visit) {
  for (std::size_t d = 0; d < cost.direction.size(); ++d) {
    const std::string name = d == 0 ? "to_device_" : "to_host_";
    auto& direction = cost.direction[d];
    visit(name + "link_bytes_per_s", direction.link_bytes_per_s, 1.0);
    visit(name + "staged_bytes_per_s", direction.staged_bytes_per_s, 1.0);
    for (std::size_t i = 0; i < direction.pitched_bytes_per_s.size(); ++i) {
      visit(name + "pitched_" + std::to_string(kPitchedRowBytesMin << i) + "_bytes_per_s",
            direction.pitched_bytes_per_s[i], 1.0);
    }
  }
  visit("copy_ps", cost.copy_seconds, kPicosecond);
  visit("staged_ps", cost.staged_seconds, kPicosecond);
  visit("call_ps", cost.call_seconds, kPicosecond);
}

bool IsPlausible(double value, double unit) {
  if (unit == 1.0) return value >= kRateMin && value <= kRateMax;
  return value >= kPicosecond && value <= kSecondsMax;
}

std::string Head(const CalibrationKey& key) {
  return std::string(kFormat) + "\ngpu " + key.gpu + "\ndriver " +
         std::to_string(key.driver_version) + "\n";
}

// Takes "name 123\n" off the text.
bool TakeValue(std::string_view& text, const std::string& name, std::uint64_t& value) {
  if (!text.starts_with(name + " ")) return false;
  const std::string_view number = text.substr(name.size() + 1);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  const auto digits = static_cast<std::size_t>(end - number.data());
  if (error != std::errc() || digits == number.size() || number[digits] != '\n') return false;
  text = number.substr(digits + 1);
  return true;
}

}  // namespace

bool IsPlausible(const CostModel& cost) {
  bool plausible = true;
  ForEachValue(cost, [&](const std::string&, double value, double unit) {
    plausible = plausible && IsPlausible(value, unit);
  });
  return plausible;
}

std::string FormatCalibration(const CalibrationKey& key, const CostModel& cost) {
  std::string text = Head(key);
  ForEachValue(cost, [&](const std::string& name, double value, double unit) {
    text += name + " " + std::to_string(std::llround(value / unit)) + "\n";
  });
  return text;
}

Result<CostModel> ParseCalibration(const CalibrationKey& key, const std::string& text) {
  const std::string head = Head(key);
  std::string_view left = text;
  if (!left.starts_with(head)) {
    return Status(Code::kInvalidArgument, "of another format, GPU or driver");
  }
  left.remove_prefix(head.size());
  CostModel cost;
  std::string wrong;
  ForEachValue(cost, [&](const std::string& name, double& value, double unit) {
    std::uint64_t number = 0;
    if (!wrong.empty()) return;
    if (!TakeValue(left, name, number)) wrong = name + " is missing or no number";
    value = static_cast<double>(number) * unit;
    if (wrong.empty() && !IsPlausible(value, unit)) wrong = name + " is out of bounds";
  });
  if (wrong.empty() && !left.empty()) wrong = "there is more behind the last value";
  if (!wrong.empty()) return Status(Code::kInvalidArgument, std::move(wrong));
  return cost;
}

}  // namespace pega::cuda
