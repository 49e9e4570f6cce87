// pega's kernels in plain C++, by their names in PTX: what the fake's GPU runs.
#pragma once

#include <memory>
#include <string>

#include "cuda/fake/operation.h"

namespace pega::cuda::fake {

struct Launch {
  unsigned grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_bytes;
};

// The work of a launch. `parameter`: the kernel's one argument, copied here. Null with *why where
// there is no such kernel or the shape breaks what its header requires. The accesses known by now
// are added.
std::unique_ptr<Work> MakeKernel(const std::string& name, const Launch& launch,
                                 const void* parameter, ByteSet* reads, ByteSet* writes,
                                 std::string* why);

std::unique_ptr<Work> MakeCopyRows(const void* parameter, bool scatter, unsigned width,
                                   ByteSet* reads, ByteSet* writes);
std::unique_ptr<Work> MakeMatrixProduct(const void* parameter, ByteSet* reads, ByteSet* writes);

// Where a kernel of a context may touch `bytes` at an address: device memory of its GPU, or pinned
// memory; null with misuse noted otherwise.
std::byte* KernelBytes(Machine& machine, const Operation& operation, std::uint64_t address,
                       std::uint64_t bytes);

}  // namespace pega::cuda::fake
