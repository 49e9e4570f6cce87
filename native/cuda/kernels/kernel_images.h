// The PTX of pega's kernels, inside the library: what kernels/*.ptx hold, zero-terminated. The text
// is compiled from *.cu by scripts/build-kernels.mjs, which also checks that the two match; the
// driver compiles it for its GPU at load.
#pragma once

namespace pega::cuda {

const char* CopyRowsPtx();
const char* MatrixProductPtx();

}  // namespace pega::cuda
