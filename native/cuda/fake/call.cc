#include "cuda/fake/call.h"

namespace pega::cuda::fake {

CUresult Call::Misuse(CUresult result, const std::string& sentence) {
  machine().misuse.Note(std::string(symbol) + ": " + sentence);
  return result;
}

std::uint64_t& CurrentContext() {
  thread_local std::uint64_t current = 0;
  return current;
}

Context* FindContext(Machine& machine, std::uint64_t handle) {
  const auto found = machine.contexts.find(handle);
  return found == machine.contexts.end() ? nullptr : &found->second;
}

Stream* FindStream(Call& call, CUstream handle, CUresult* result) {
  constexpr std::uint64_t kLegacyHandle = 1;
  const std::uint64_t number = NumberOf(handle);
  Machine& machine = call.machine();
  if (number <= kLegacyHandle) return machine.legacy[call.context->id].get();
  const auto found = machine.streams.find(number);
  if (found == machine.streams.end()) {
    *result = call.Misuse(kErrorInvalidHandle, "stream " + Hex(number) + " is not live");
    return nullptr;
  }
  if (found->second->context != call.context->id) {
    *result = call.Misuse(kErrorInvalidHandle,
                          "stream " + std::to_string(number) + " is not of the current context");
    return nullptr;
  }
  return found->second.get();
}

Event* FindEvent(Call& call, CUevent handle, CUresult* result) {
  const auto found = call.machine().events.find(NumberOf(handle));
  if (found != call.machine().events.end()) return &found->second;
  *result = call.Misuse(kErrorInvalidHandle, "event " + Hex(NumberOf(handle)) + " is not live");
  return nullptr;
}

void Condemn(Call& call, const char* what, std::uint64_t address, std::uint64_t bytes) {
  const Operation* const user = call.machine().races.Condemn(address, bytes);
  if (user == nullptr) return;
  (void)call.Misuse(kSuccess, std::string(what) + " at " + Hex(address) + " although " +
                                  Describe(*user) + " uses it and nobody has waited for its end");
}

}  // namespace pega::cuda::fake
