#include "cuda/fake/kernels.h"

#include <cstring>

#include "cuda/fake/machine.h"
#include "cuda/kernels/copy_rows.h"
#include "cuda/kernels/matrix_product.h"

namespace pega::cuda::fake {
namespace {

struct CopyKernel {
  const char* name;
  bool scatter;
  unsigned width;
};
constexpr CopyKernel kCopyKernels[] = {
    {"pega_scatter_16", true, 16}, {"pega_scatter_4", true, 4}, {"pega_scatter_1", true, 1},
    {"pega_gather_16", false, 16}, {"pega_gather_4", false, 4}, {"pega_gather_1", false, 1},
};

bool IsCopyShape(const Launch& launch) {
  return launch.grid_x > 0 && launch.grid_y > 0 && launch.grid_z > 0 && launch.block_x == 512 &&
         launch.block_y == 1 && launch.block_z == 1 && launch.shared_bytes == 0;
}

bool IsProductShape(const Launch& launch, const void* parameter) {
  MatrixProductArguments of;
  std::memcpy(&of, parameter, sizeof of);
  return of.m % 128 == 0 && of.n % 128 == 0 && of.k % 128 == 0 && of.m > 0 && of.n > 0 &&
         launch.grid_x == of.n / 128 && launch.grid_y == of.m / 128 && launch.grid_z == 1 &&
         launch.block_x == 256 && launch.block_y == 1 && launch.block_z == 1 &&
         launch.shared_bytes == 0;
}

}  // namespace

std::unique_ptr<Work> MakeKernel(const std::string& name, const Launch& launch,
                                 const void* parameter, ByteSet* reads, ByteSet* writes,
                                 std::string* why) {
  *why = "a grid or block that " + name + " does not take";
  for (const CopyKernel& kernel : kCopyKernels) {
    if (name != kernel.name) continue;
    if (!IsCopyShape(launch)) return nullptr;
    return MakeCopyRows(parameter, kernel.scatter, kernel.width, reads, writes);
  }
  if (name == "pega_matrix_product") {
    if (!IsProductShape(launch, parameter)) return nullptr;
    return MakeMatrixProduct(parameter, reads, writes);
  }
  *why = "the fake driver can't run " + name;
  return nullptr;
}

std::byte* KernelBytes(Machine& machine, const Operation& operation, std::uint64_t address,
                       std::uint64_t bytes) {
  const int device = machine.contexts.at(operation.context).device;
  const DeviceMemory& memory = *machine.memory[static_cast<std::size_t>(device)];
  const Allocation* range = memory.Find(address);
  std::byte* real = range == nullptr ? nullptr : memory.Real(address);
  if (range == nullptr) {
    const Pinned* const pinned = machine.host.Find(address);
    if (pinned != nullptr && (pinned->portable || pinned->context == operation.context)) {
      range = pinned;
      real = reinterpret_cast<std::byte*>(address);
    }
  }
  if (range != nullptr && bytes <= range->address + range->bytes - address) return real;
  machine.misuse.Note(Describe(operation) + ": " + std::to_string(bytes) + " bytes at " +
                      Hex(address) +
                      (range == nullptr ? " are in no live memory" : " go past their allocation"));
  return nullptr;
}

}  // namespace pega::cuda::fake
