#include "cuda/fake/faults.h"

namespace pega::cuda::fake {

Faults::Faults(const Settings& settings) {
  for (const Settings::Failure& failure : settings.failures) {
    FailCall(failure.function, failure.n, failure.result, failure.forever ? 0 : 1);
  }
  for (const Settings::Delay& delay : settings.delays) Delay(delay.function, delay.microseconds);
}

void Faults::FailCall(const std::string& function, unsigned n, CUresult result, unsigned times) {
  of_calls_.push_back({function, n, result, times});
}

void Faults::FailExecution(const std::string& function, unsigned n, CUresult result) {
  of_executions_.push_back({function, n, result, 1});
}

void Faults::Delay(const std::string& function, unsigned microseconds) {
  delays_[function] = microseconds;
}

CUresult Faults::Take(std::vector<Fault>* faults, const std::string& function) {
  CUresult result = kSuccess;
  for (auto fault = faults->begin(); fault != faults->end();) {
    if (fault->function != function || fault->n > 1) {
      if (fault->function == function) --fault->n;
      ++fault;
      continue;
    }
    if (result == kSuccess) result = fault->result;
    const bool last = fault->times == 1;
    if (fault->times > 1) --fault->times;
    fault = last ? faults->erase(fault) : fault + 1;
  }
  return result;
}

CUresult Faults::OnCall(const std::string& function) {
  ++calls_[function];
  return Take(&of_calls_, function);
}

CUresult Faults::OnEnqueue(const std::string& function) { return Take(&of_executions_, function); }

unsigned Faults::delay_us(const std::string& function) const {
  const auto found = delays_.find(function);
  return found == delays_.end() ? 0 : found->second;
}

std::uint64_t Faults::calls(const char* function) const {
  if (function != nullptr) {
    const auto found = calls_.find(function);
    return found == calls_.end() ? 0 : found->second;
  }
  std::uint64_t all = 0;
  for (const auto& [name, count] : calls_) all += count;
  return all;
}

}  // namespace pega::cuda::fake
