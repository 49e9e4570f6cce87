// InParallel: runs part(0) … part(count - 1) on a few threads and waits for all of them.
//
// For preparing and checking memory outside of timed parts. Private to this room.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace pega::gauge {

// threads: 0 means one for each core.
template <typename Part>
void InParallel(std::uint32_t threads, std::uint64_t count, const Part& part) {
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  std::atomic<std::uint64_t> next{0};
  const auto work = [&] {
    for (std::uint64_t i = next++; i < count; i = next++) part(i);
  };
  std::vector<std::thread> others;
  for (std::uint64_t i = 1; i < std::min<std::uint64_t>(threads, count); ++i) {
    others.emplace_back(work);
  }
  work();
  for (std::thread& other : others) other.join();
}

}  // namespace pega::gauge
