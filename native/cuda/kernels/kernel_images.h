// The PTX of pega's kernels, inside the library: what kernels/*.ptx hold, zero-terminated. The text
// is compiled from *.cu by scripts/build-kernels.mjs, which also checks that the two match; the
// driver compiles it for its GPU at load.
//
// The text is for compute_80 and of PTX ISA 8.0. nvcc 13.0 writes ISA 9.0, which only drivers of CUDA
// 13 load; but an ISA version adds to the ones before it, these kernels use nothing newer than 8.0,
// and ptxas refuses what a stated version does not have. So the build states 8.0, and the check has
// ptxas make the same machine code, byte for byte, from both texts for every kind of GPU.
#pragma once

namespace pega::cuda {

// The oldest that load the text: CUDA 12.0, driver branch 525, in units of DriverApi::version; and
// Ampere. An older driver refuses it with kErrorUnsupportedPtxVersion, an older GPU with
// kErrorNoBinaryForGpu or kErrorInvalidPtx: who loads says these numbers before it comes to that.
inline constexpr int kOldestDriverVersion = 12000;
inline constexpr const char* kOldestDriver = "525 (CUDA 12.0)";
inline constexpr int kOldestComputeCapabilityMajor = 8;

const char* CopyRowsPtx();
const char* MatrixProductPtx();

}  // namespace pega::cuda
