// CopyKernels: pega's scatter and gather kernels, loaded into a context; launches of them.
//
// Immutable once loaded; any thread whose current context it is.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "cuda/driver/handles.h"
#include "cuda/kernels/copy_rows.h"
#include "cuda/plan/cost_model.h"

namespace pega::cuda {

class CopyKernels {
 public:
  // REQUIRES: the context is current on this thread.
  static Result<CopyKernels> Load(const ContextPtr& context, std::uint32_t ctas);

  // Bytes that a thread may move at once: the widest that divides all of a launch's numbers.
  static std::uint32_t WidthOf(std::span<const RowSpan> spans, std::uint64_t row_bytes);

  // kToDevice scatters rows to blocks, kToHost gathers them.
  Status Launch(Direction direction, std::uint32_t width, const CopyRowsArguments& arguments,
                CUstream stream) const;

 private:
  ContextPtr context_;
  Module module_;
  std::uint32_t ctas_ = 0;
  std::array<std::array<CUfunction, 3>, 2> functions_{};  // by Direction, then width 16, 4, 1
};

}  // namespace pega::cuda
