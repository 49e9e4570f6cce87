#include "cuda/driver/driver_facts.h"

#include <dlfcn.h>

#include <cstdlib>
#include <memory>

#include "cuda/driver/driver_api.h"

namespace pega::cuda {
namespace {

std::string PathOf(void* symbol) {
  Dl_info info{};
  if (symbol == nullptr || dladdr(symbol, &info) == 0 || info.dli_fname == nullptr) return "?";
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(info.dli_fname, nullptr),
                                                         &std::free);
  return real == nullptr ? info.dli_fname : real.get();
}

void LookForSymbols(void* library, DriverFacts* facts) {
#define PEGA_CUDA_LOOK(field, symbol, arguments) \
  if (dlsym(library, symbol) == nullptr) facts->missing_required.push_back(symbol);
  PEGA_CUDA_REQUIRED(PEGA_CUDA_LOOK)
#undef PEGA_CUDA_LOOK
#define PEGA_CUDA_LOOK(field, symbol, arguments) \
  if (dlsym(library, symbol) == nullptr) facts->missing_optional.push_back(symbol);
  PEGA_CUDA_OPTIONAL(PEGA_CUDA_LOOK)
#undef PEGA_CUDA_LOOK
}

}  // namespace

DriverFacts LookAtDriver(const std::string& library) {
  DriverFacts facts;
  facts.status = DriverApi::Load(library).status();
  void* const handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return facts;
  const auto init = reinterpret_cast<CUresult (*)(unsigned)>(dlsym(handle, "cuInit"));
  const auto version = reinterpret_cast<CUresult (*)(int*)>(dlsym(handle, "cuDriverGetVersion"));
  facts.library_path = PathOf(reinterpret_cast<void*>(init));
  LookForSymbols(handle, &facts);
  if (version == nullptr || version(&facts.version) != kSuccess) facts.version = 0;
  if (init != nullptr) facts.init_result = init(0);
  return facts;
}

}  // namespace pega::cuda
