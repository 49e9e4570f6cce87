// kernels_on_gpu: pega's kernels on a real GPU, compared with the CPU and measured. JSON lines.
//
//   kernels_on_gpu [--cases N] [--seed N] [--no-speed]
//
// Not part of the test suite, which knows no GPU. Exit code 1 when anything was wrong. Build it by
// `cmake --build … --target kernels_on_gpu`, or, without GoogleTest and CMake, from the repository:
//   g++ -std=c++20 -O2 -Inative -o kernels_on_gpu test/native/cuda/gpu/*.cc native/base/status.cc
//     native/cuda/driver/{driver_api,handles}.cc native/cuda/kernels/kernel_images.cc -ldl -lpthread
#include <cstring>
#include <string>

#include "cuda/kernels/kernel_images.h"
#include "gpu.h"

namespace {

using namespace pega::cuda;
using namespace pega::cuda::gpu;

struct Options {
  int cases = 400;
  std::uint64_t seed = 1;
  bool speed = true;
};

bool ReadOptions(int count, char** arguments, Options& options) {
  for (int i = 1; i < count; ++i) {
    const std::string flag = arguments[i];
    if (flag == "--no-speed") {
      options.speed = false;
    } else if (flag == "--cases" && i + 1 < count) {
      options.cases = std::atoi(arguments[++i]);
    } else if (flag == "--seed" && i + 1 < count) {
      options.seed = std::strtoull(arguments[++i], nullptr, 10);
    } else {
      return false;
    }
  }
  return true;
}

void Describe(const DriverApi& api, const Context& context) {
  char name[128] = "";
  int major = 0, minor = 0;
  (void)api.DeviceGetName(name, sizeof name, context.device());
  (void)api.DeviceGetAttribute(&major, kAttributeComputeCapabilityMajor, context.device());
  (void)api.DeviceGetAttribute(&minor, kAttributeComputeCapabilityMinor, context.device());
  std::printf("{\"gpu\":\"%s\",\"compute_capability\":\"%d.%d\",\"driver_version\":%d}\n", name,
              major, minor, api.version);
}

}  // namespace

int main(int count, char** arguments) {
  Options options;
  if (!ReadOptions(count, arguments, options)) {
    std::fprintf(stderr, "Try: %s [--cases N] [--seed N] [--no-speed]\n", arguments[0]);
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const DriverApi& api = *Take(DriverApi::Get());
  const ContextPtr context = Take(Context::RetainPrimary(api, 0));
  const ScopedContext current(*context);
  Must(current.status());
  Describe(api, *context);
  const Gpu gpu{api, context, Take(MakeStream(context, true)),
                Take(LoadModule(context, CopyRowsPtx())),
                Take(LoadModule(context, MatrixProductPtx())),
                Take(AllocateHost(context, kBounceBytes))};
  bool right = CheckCopyRows(gpu, options.seed, options.cases);
  right = CheckFarRows(gpu) && right;
  right = CheckMatrixProduct(gpu) && right;
  if (options.speed) {
    MeasureCopyRows(gpu);
    MeasureOneBlock(gpu);
    MeasureMatrixProduct(gpu);
  }
  std::printf("{\"all_right\":%s}\n", right ? "true" : "false");
  return right ? 0 : 1;
}
