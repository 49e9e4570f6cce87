// Modules and launches.
#include <cctype>
#include <cstdlib>
#include <cstring>

#include "cuda/fake/call.h"
#include "cuda/fake/captures.h"
#include "cuda/fake/kernels.h"

namespace pega::cuda::fake::calls {
namespace {

// The text behind blanks and comments.
const char* SkipBlanks(const char* text) {
  for (;;) {
    while (std::isspace(static_cast<unsigned char>(*text))) ++text;
    const char* end = nullptr;
    if (std::strncmp(text, "//", 2) == 0) end = std::strchr(text, '\n');
    if (std::strncmp(text, "/*", 2) == 0) end = std::strstr(text, "*/");
    if (end == nullptr) return text;
    text = *end == '*' ? end + 2 : end + 1;
  }
}

// A directive's value, such as 87 of ".version 8.7" or 80 of ".target sm_80"; -1: absent.
int NumberAfter(const char* text, const char* directive) {
  const char* at = std::strstr(text, directive);
  if (at == nullptr) return -1;
  int value = 0;
  for (at += std::strcspn(at, "0123456789");
       *at == '.' || std::isdigit(static_cast<unsigned char>(*at)); ++at) {
    if (*at != '.') value = value * 10 + (*at - '0');
  }
  return value;
}

std::set<std::string> EntriesOf(const char* text) {
  constexpr char kEntry[] = ".entry ";
  std::set<std::string> entries;
  while ((text = std::strstr(text, kEntry)) != nullptr) {
    text += std::strlen(kEntry);
    text += std::strspn(text, " \t");
    entries.emplace(text, std::strcspn(text, " \t\r\n("));
  }
  return entries;
}

}  // namespace

CUresult ModuleLoadData(CUmodule* handle, const void* image) {
  Call& call = Call::Current();
  const char* const text = SkipBlanks(static_cast<const char*>(image));
  const Settings& settings = call.machine().settings;
  if (std::strncmp(text, ".version", 8) != 0) return kErrorInvalidImage;
  if (NumberAfter(text, ".version") > settings.ptx_max) return kErrorUnsupportedPtxVersion;
  const int target = NumberAfter(text, ".target");
  if (target < 0) return kErrorInvalidPtx;
  if (target > settings.capability) return kErrorNoBinaryForGpu;
  const std::uint64_t id = Driver::NextHandle();
  call.machine().modules[id] = {call.context->id, EntriesOf(text)};
  *handle = reinterpret_cast<CUmodule>(id);
  return kSuccess;
}

CUresult ModuleUnload(CUmodule handle) {
  Call& call = Call::Current();
  Machine& machine = call.machine();
  if (machine.modules.erase(NumberOf(handle)) == 0) {
    return call.Misuse(kErrorInvalidHandle, "module " + Hex(NumberOf(handle)) + " is not live");
  }
  std::erase_if(machine.functions,
                [handle](const auto& of) { return of.second.module == NumberOf(handle); });
  return call.context->dead;
}

CUresult ModuleGetFunction(CUfunction* handle, CUmodule module, const char* name) {
  Call& call = Call::Current();
  Machine& machine = call.machine();
  const auto found = machine.modules.find(NumberOf(module));
  if (found == machine.modules.end()) {
    return call.Misuse(kErrorInvalidHandle, "module " + Hex(NumberOf(module)) + " is not live");
  }
  if (!found->second.entries.contains(name)) return kErrorNotFound;
  const std::uint64_t id = Driver::NextHandle();
  machine.functions[id] = {found->first, name};
  *handle = reinterpret_cast<CUfunction>(id);
  return kSuccess;
}

CUresult LaunchKernel(CUfunction handle, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                      unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                      CUstream stream_handle, void** parameters, void** extra) {
  Call& call = Call::Current();
  Machine& machine = call.machine();
  CUresult result = kSuccess;
  Stream* const stream = FindStream(call, stream_handle, &result);
  if (stream == nullptr) return result;
  const auto function = machine.functions.find(NumberOf(handle));
  if (function == machine.functions.end()) {
    return call.Misuse(kErrorInvalidHandle, "function " + Hex(NumberOf(handle)) + " is not live");
  }
  const auto module = machine.modules.find(function->second.module);
  if (module->second.context != call.context->id) {
    return call.Misuse(kErrorInvalidHandle, "the kernel's module is of another context");
  }
  if (parameters == nullptr || parameters[0] == nullptr || extra != nullptr) {
    return call.Misuse(kErrorInvalidValue, "a launch takes one parameter, by address");
  }
  if (stream->legacy) PEGA_FAKE_RETURN_IF(RefuseLegacy(call));
  ByteSet reads, writes;
  std::string why;
  const Launch launch{grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_bytes};
  std::unique_ptr<Work> work =
      MakeKernel(function->second.name, launch, parameters[0], &reads, &writes, &why);
  if (work == nullptr) return call.Misuse(kErrorInvalidValue, why);
  if (stream->capture != 0) return kSuccess;
  machine.Enqueue(*stream, function->second.name.c_str(), std::move(work), std::move(reads),
                  std::move(writes), {});
  return kSuccess;
}

}  // namespace pega::cuda::fake::calls
