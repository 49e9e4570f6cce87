#include "cuda/device/copy_kernels.h"

#include <string>
#include <utility>

#include "cuda/kernels/kernel_images.h"

namespace pega::cuda {
namespace {

constexpr std::array<std::uint32_t, 3> kWidths = {16, 4, 1};
constexpr unsigned kThreads = 512;

}  // namespace

Result<CopyKernels> CopyKernels::Load(const ContextPtr& context, std::uint32_t ctas) {
  CopyKernels kernels;
  kernels.context_ = context;
  kernels.ctas_ = ctas;
  Result<Module> module = LoadModule(context, CopyRowsPtx());
  if (!module.ok()) return module.status();
  kernels.module_ = std::move(module).value();
  for (const Direction direction : {Direction::kToDevice, Direction::kToHost}) {
    const std::string name = direction == Direction::kToDevice ? "pega_scatter_" : "pega_gather_";
    for (std::size_t i = 0; i < kWidths.size(); ++i) {
      const Result<CUfunction> found =
          FindFunction(*context, kernels.module_, (name + std::to_string(kWidths[i])).c_str());
      if (!found.ok()) return found.status();
      kernels.functions_[static_cast<std::size_t>(direction)][i] = found.value();
    }
  }
  return kernels;
}

// Staging buffers and tables are aligned to 256 bytes, so spans and rows decide.
std::uint32_t CopyKernels::WidthOf(std::span<const RowSpan> spans, std::uint64_t row_bytes) {
  std::uint64_t bits = row_bytes;
  for (const RowSpan& span : spans) {
    bits |= span.device_address | span.block_stride_bytes | span.bytes | span.row_offset_bytes;
  }
  for (const std::uint32_t width : kWidths) {
    if (bits % width == 0) return width;
  }
  return 1;
}

Status CopyKernels::Launch(Direction direction, std::uint32_t width,
                           const CopyRowsArguments& arguments, CUstream stream) const {
  std::size_t variant = 0;
  while (kWidths[variant] != width) ++variant;
  CopyRowsArguments copy = arguments;
  void* parameters[] = {&copy};
  const DriverApi& api = context_->api();
  return ToStatus(api, "cuLaunchKernel",
                  api.LaunchKernel(functions_[static_cast<std::size_t>(direction)][variant], ctas_,
                                   1, 1, kThreads, 1, 1, 0, stream, parameters, nullptr));
}

}  // namespace pega::cuda
