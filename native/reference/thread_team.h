// ThreadTeam: a fixed number of threads that share the tasks of one call at a time.
//
// The caller is one of them (lane 0), so a team of one starts no thread. Tasks are taken in rising
// order by whoever is free; Run returns when all are done. One caller at a time.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace pega {

class ThreadTeam {
 public:
  using Task = std::function<void(std::size_t task, std::size_t lane)>;

  explicit ThreadTeam(std::size_t lanes);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  std::size_t lanes() const { return threads_.size() + 1; }
  void Run(std::size_t tasks, const Task& task);

 private:
  void Work(std::size_t lane);
  void TakeTasks(const Task& task, std::size_t tasks, std::size_t lane);

  std::mutex mutex_;  // guards the next five
  std::condition_variable begin_;
  std::condition_variable end_;
  const Task* task_ = nullptr;
  std::size_t tasks_ = 0;
  std::uint64_t round_ = 0;
  std::size_t working_ = 0;
  bool stopping_ = false;

  std::atomic<std::size_t> next_{0};
  std::vector<std::thread> threads_;
};

}  // namespace pega
