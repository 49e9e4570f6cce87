#include "reference/thread_team.h"

namespace pega {

ThreadTeam::ThreadTeam(std::size_t lanes) {
  for (std::size_t lane = 1; lane < lanes; ++lane) {
    threads_.emplace_back([this, lane] { Work(lane); });
  }
}

ThreadTeam::~ThreadTeam() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  begin_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadTeam::Run(std::size_t tasks, const Task& task) {
  if (threads_.empty() || tasks <= 1) {
    for (std::size_t i = 0; i < tasks; ++i) task(i, 0);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    task_ = &task;
    tasks_ = tasks;
    working_ = threads_.size();
    next_.store(0);
    ++round_;
  }
  begin_.notify_all();
  TakeTasks(task, tasks, 0);
  std::unique_lock lock(mutex_);
  end_.wait(lock, [this] { return working_ == 0; });
}

void ThreadTeam::Work(std::size_t lane) {
  std::uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  while (true) {
    begin_.wait(lock, [&] { return stopping_ || round_ != seen; });
    if (stopping_) return;
    seen = round_;
    const Task* task = task_;
    const std::size_t tasks = tasks_;
    lock.unlock();
    TakeTasks(*task, tasks, lane);
    lock.lock();
    if (--working_ == 0) end_.notify_one();
  }
}

void ThreadTeam::TakeTasks(const Task& task, std::size_t tasks, std::size_t lane) {
  for (std::size_t i = next_.fetch_add(1); i < tasks; i = next_.fetch_add(1)) task(i, lane);
}

}  // namespace pega
