// The arguments of pega_matrix_product: C = A·B with bf16 inputs and float accumulation on tensor
// cores (mma.sync), row-major A (m × k) and B (k × n), m, n, k multiples of 128: the model's stand-in
// beside which copies are measured (native/gauge). Not a fast library product, but bound by
// computation as one is. Grid: (n / 128, m / 128); block: 256 × 1. One parameter by value.
#pragma once

namespace pega::cuda {

struct MatrixProductArguments {
  unsigned long long a, b, c;  // device addresses: bf16, bf16, float
  unsigned int m, n, k, repeats;  // the whole product is computed `repeats` times in one launch
};

}  // namespace pega::cuda
