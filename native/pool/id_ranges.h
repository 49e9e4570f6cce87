// IdRanges: a set of ids that is mostly runs, such as the finished ones of a client that counts up.
#pragma once

#include <cstdint>
#include <map>

namespace pega {

class IdRanges {
 public:
  bool Contains(std::uint64_t id) const;
  void Add(std::uint64_t id);
  // Forgets at most `budget` ranges that lie wholly below the id.
  void ForgetBelow(std::uint64_t id, std::uint32_t budget);
  std::size_t range_count() const { return end_of_.size(); }

 private:
  std::map<std::uint64_t, std::uint64_t> end_of_;  // first id → last id
};

}  // namespace pega
