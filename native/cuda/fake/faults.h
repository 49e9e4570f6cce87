// Faults: which calls fail, and which operations take long or end their context, as tests asked.
// Also counts calls. Guarded by the driver's mutex.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cuda/fake/settings.h"

namespace pega::cuda::fake {

class Faults {
 public:
  explicit Faults(const Settings& settings);
  void FailCall(const std::string& function, unsigned n, CUresult result, unsigned times);
  void FailExecution(const std::string& function, unsigned n, CUresult result);
  void Delay(const std::string& function, unsigned microseconds);
  void Forget() {
    of_calls_.clear();
    of_executions_.clear();
  }

  // Counts a call; what it shall return instead of running, or kSuccess.
  CUresult OnCall(const std::string& function);
  // The same of an operation that is enqueued: its outcome when it runs.
  CUresult OnEnqueue(const std::string& function);
  unsigned delay_us(const std::string& function) const;
  std::uint64_t calls(const char* function) const;

 private:
  struct Fault {
    std::string function;
    unsigned n;  // 1: the next
    CUresult result;
    unsigned times;  // 0: for ever
  };
  static CUresult Take(std::vector<Fault>* faults, const std::string& function);
  std::vector<Fault> of_calls_, of_executions_;
  std::map<std::string, unsigned> delays_;
  std::map<std::string, std::uint64_t> calls_;
};

}  // namespace pega::cuda::fake
