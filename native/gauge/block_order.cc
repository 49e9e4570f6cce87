#include "gauge/block_order.h"

#include <algorithm>
#include <numeric>
#include <random>

namespace pega::gauge {

std::vector<std::uint32_t> MakeOrder(Order order, std::uint32_t count, std::uint64_t seed) {
  const std::uint32_t run = order == Order::kRun      ? std::max(count, 1U)
                            : order == Order::kRuns16 ? 16
                                                      : 1;
  std::vector<std::uint32_t> runs((count + run - 1) / run);
  std::iota(runs.begin(), runs.end(), 0U);
  // Not std::shuffle, which differs from library to library; the bias of % is far below a block.
  std::mt19937_64 random(seed);
  for (std::size_t i = runs.size(); i > 1; --i) std::swap(runs[i - 1], runs[random() % i]);
  std::vector<std::uint32_t> blocks;
  blocks.reserve(count);
  for (const std::uint32_t first : runs) {
    for (std::uint32_t b = first * run; b < std::min(count, (first + 1) * run); ++b) {
      blocks.push_back(b);
    }
  }
  return blocks;
}

}  // namespace pega::gauge
