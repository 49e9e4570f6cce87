// BusyClock: for how long at least one piece of a direction was in flight. Guarded by its owner.
#pragma once

#include <chrono>
#include <cstdint>

namespace pega {

class BusyClock {
 public:
  void Enter() {
    if (in_flight_++ == 0) since_ = std::chrono::steady_clock::now();
  }
  void Leave() {
    if (--in_flight_ == 0) total_ += std::chrono::steady_clock::now() - since_;
  }
  std::uint64_t TotalNs() const {
    std::chrono::nanoseconds total = total_;
    if (in_flight_ > 0) total += std::chrono::steady_clock::now() - since_;
    return static_cast<std::uint64_t>(total.count());
  }

 private:
  std::uint32_t in_flight_ = 0;
  std::chrono::steady_clock::time_point since_;
  std::chrono::nanoseconds total_{0};
};

}  // namespace pega
