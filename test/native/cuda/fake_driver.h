// FakeDriver: the fake CUDA driver made afresh for a test, its table and its controls.
//
// Misuse ends the process unless the settings say otherwise; a test that provokes it gives settings
// without abort=1 and asks for what was found. Every FakeDriver drops what the one before had: all
// handles must be given back by then.
#pragma once

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "cuda/driver/driver_api.h"
#include "cuda/fake/fake_cuda.h"

#ifndef PEGA_FAKE_CUDA_LIBRARY
#error "the build says where the fake driver lies"
#endif

namespace pega::cuda {

class FakeDriver {
 public:
  static constexpr char kStrict[] = "gpus=2,memory_mib=512,abort=1";
  static constexpr char kLenient[] = "gpus=2,memory_mib=512,quiet=1";

  explicit FakeDriver(const std::string& settings = kStrict) {
    void* const library = dlopen(PEGA_FAKE_CUDA_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) Refuse(dlerror());
#define PEGA_FIND(name, result, arguments)                        \
  name = reinterpret_cast<decltype(name)>(dlsym(library, #name)); \
  if (name == nullptr) Refuse(#name);
    PEGA_FAKE_CUDA_CONTROLS(PEGA_FIND)
#undef PEGA_FIND
    fake_cuda_reset(settings.c_str());
    const Result<const DriverApi*> loaded = DriverApi::Load(PEGA_FAKE_CUDA_LIBRARY);
    status_ = loaded.status();
    if (loaded.ok()) api_ = loaded.value();
  }
  ~FakeDriver() { fake_cuda_release_all(); }
  FakeDriver(const FakeDriver&) = delete;
  FakeDriver& operator=(const FakeDriver&) = delete;

  // REQUIRES: status().ok().
  const DriverApi& api() const { return *api_; }
  const Status& status() const { return status_; }

  std::vector<std::string> Misuse() const { return Lines(fake_cuda_misuse); }
  std::vector<std::string> Open() const { return Lines(fake_cuda_open); }
  std::vector<std::string> Pending() const { return Lines(fake_cuda_pending); }
  std::vector<std::string> History() const { return Lines(fake_cuda_history); }

#define PEGA_FIELD(name, result, arguments) result(*name) arguments = nullptr;
  PEGA_FAKE_CUDA_CONTROLS(PEGA_FIELD)
#undef PEGA_FIELD

 private:
  [[noreturn]] static void Refuse(const char* what) {
    std::fprintf(stderr, "the fake driver %s: %s\n", PEGA_FAKE_CUDA_LIBRARY, what);
    std::abort();
  }
  static std::vector<std::string> Lines(std::size_t (*read)(char*, std::size_t)) {
    std::string text(std::size_t{8} << 20, '\0');
    const std::size_t count = read(text.data(), text.size());
    std::vector<std::string> lines;
    for (std::size_t begin = 0; lines.size() < count;) {
      const std::size_t end = text.find('\n', begin);
      if (end == std::string::npos) break;  // more than the text holds
      lines.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    return lines;
  }

  const DriverApi* api_ = nullptr;
  Status status_;
};

}  // namespace pega::cuda
