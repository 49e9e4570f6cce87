// Settings: the words of PEGA_FAKE_CUDA (fake_cuda.h lists them), read. An unknown word ends the
// process: a test that believes in a setting must have it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cuda/driver/cuda_types.h"

namespace pega::cuda::fake {

struct Settings {
  struct Failure {
    std::string function;
    unsigned n = 1;
    CUresult result = kErrorUnknown;
    bool forever = false;
  };
  struct Delay {
    std::string function;
    unsigned microseconds = 0;
  };
  int gpus = 1;
  std::uint64_t memory_bytes = std::uint64_t{4096} << 20;
  std::string name = "Fake GPU";
  int capability = 90;
  int version = 13000;
  int multiprocessors = 132;
  CUresult init = kSuccess;
  int ptx_max = 90;
  std::vector<std::string> missing;
  std::vector<Failure> failures;
  std::vector<Delay> delays;
  std::uint64_t seed = 1;
  bool quiet = false;
  bool abort = false;

  static Settings Parse(const std::string& text);
};

}  // namespace pega::cuda::fake
