#include "pool/id_ranges.h"

#include <iterator>

namespace pega {

bool IdRanges::Contains(std::uint64_t id) const {
  const auto after = end_of_.upper_bound(id);
  return after != end_of_.begin() && std::prev(after)->second >= id;
}

void IdRanges::Add(std::uint64_t id) {
  if (Contains(id)) return;
  auto after = end_of_.upper_bound(id);
  std::uint64_t last = id;
  if (after != end_of_.end() && after->first == id + 1) {
    last = after->second;
    after = end_of_.erase(after);
  }
  if (after != end_of_.begin() && std::prev(after)->second + 1 == id) {
    std::prev(after)->second = last;
  } else {
    end_of_.emplace_hint(after, id, last);
  }
}

void IdRanges::ForgetBelow(std::uint64_t id, std::uint32_t budget) {
  while (budget-- > 0 && !end_of_.empty() && end_of_.begin()->second < id) {
    end_of_.erase(end_of_.begin());
  }
}

}  // namespace pega
