#include "cuda/plan/cost_model.h"

#include <bit>

namespace pega::cuda {

double CostModel::PitchedBytesPerSecond(Direction d, std::uint64_t row_bytes) const {
  const auto& rates = of(d).pitched_bytes_per_s;
  const double rows_of_first = static_cast<double>(row_bytes) / kPitchedRowBytesMin;
  if (row_bytes <= kPitchedRowBytesMin) return rates.front() * rows_of_first;  // as long a row
  const auto below = static_cast<std::size_t>(std::bit_width(row_bytes / kPitchedRowBytesMin)) - 1;
  if (below + 1 >= rates.size()) return rates.back();
  const double part = rows_of_first / static_cast<double>(std::uint64_t{1} << below) - 1;
  return rates[below] + part * (rates[below + 1] - rates[below]);
}

}  // namespace pega::cuda
