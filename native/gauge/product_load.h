// ProductLoad: matrix products on a GPU, one after the other, as the model's stand-in beside which
// copies run (cuda/kernels/matrix_product.h). Times are the GPU's own.
//
// Thread safety: one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "base/status.h"
#include "cuda/driver/handles.h"

namespace pega::gauge {

class ProductLoad {
 public:
  // size: rows and columns of each matrix, a multiple of 128. Measures how long one launch takes.
  static Result<std::unique_ptr<ProductLoad>> Make(cuda::ContextPtr context, std::uint32_t size);

  double launch_seconds() const { return launch_seconds_; }
  double tera_flops() const;  // FLOP/s ÷ 10¹², with nothing beside it

  // Gives the GPU `launches` launches, and returns at once.
  Status Start(std::uint32_t launches);
  struct End {
    double seconds = 0;                          // of the GPU
    std::chrono::steady_clock::time_point seen;  // by the host
  };
  // Waits for what Start began.
  Result<End> Finish();

 private:
  ProductLoad(cuda::ContextPtr context, std::uint32_t size)
      : context_(std::move(context)), size_(size) {}
  Status Prepare();
  Status FillInputs();
  Result<double> Run(std::uint32_t launches);

  const cuda::ContextPtr context_;
  const std::uint32_t size_;
  std::uint32_t products_ = 1;  // of one launch
  double launch_seconds_ = 0;
  cuda::Module module_;
  cuda::CUfunction function_ = nullptr;
  cuda::DeviceMemory a_, b_, c_;
  cuda::Stream stream_;
  cuda::Event start_, end_;
};

}  // namespace pega::gauge
