#include "gauge/product_load.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <utility>

#include "cuda/kernels/kernel_images.h"
#include "cuda/kernels/matrix_product.h"

namespace pega::gauge {
namespace {

constexpr std::uint32_t kTile = 128;
constexpr unsigned kThreads = 256;
constexpr double kLaunchSeconds = 1e-3;  // what one launch shall take: many products where small
constexpr double kProductsMax = 1024;
constexpr double kWarmUpLaunchesMax = 100;
constexpr double kWarmUpSeconds = 20e-3;  // clocks rise
constexpr std::uint64_t kBf16Bytes = 2;

}  // namespace

Result<std::unique_ptr<ProductLoad>> ProductLoad::Make(cuda::ContextPtr context,
                                                       std::uint32_t size) {
  if (size == 0 || size % kTile != 0) {
    return Status(Code::kInvalidArgument, "a matrix product of size " + std::to_string(size) +
                                              "; required is a multiple of " +
                                              std::to_string(kTile));
  }
  std::unique_ptr<ProductLoad> load(new ProductLoad(std::move(context), size));
  PEGA_RETURN_IF_ERROR(load->Prepare());
  Result<double> one = load->Run(1);  // the first one loads the code
  if (one.ok()) one = load->Run(1);
  if (!one.ok()) return one.status();
  const double product_seconds = std::max(one.value(), 1e-7);
  const auto upward = [](double count, double most) {
    return static_cast<std::uint32_t>(std::clamp(std::ceil(count), 1.0, most));
  };
  load->products_ = upward(kLaunchSeconds / product_seconds, kProductsMax);
  const std::uint32_t launches =
      upward(kWarmUpSeconds / (load->products_ * product_seconds), kWarmUpLaunchesMax);
  Result<double> many = load->Run(launches);
  if (many.ok()) many = load->Run(launches);
  if (!many.ok()) return many.status();
  load->launch_seconds_ = std::max(many.value() / launches, 1e-7);
  return load;
}

Status ProductLoad::Prepare() {
  const cuda::ScopedContext current(*context_);
  PEGA_RETURN_IF_ERROR(current.status());
  Result<cuda::Module> module = cuda::LoadModule(context_, cuda::MatrixProductPtx());
  if (!module.ok()) return module.status();
  module_ = std::move(module).value();
  Result<cuda::CUfunction> function =
      cuda::FindFunction(*context_, module_, "pega_matrix_product");
  if (!function.ok()) return function.status();
  function_ = function.value();
  const std::uint64_t elements = std::uint64_t{size_} * size_;
  for (const auto& [memory, bytes] : {std::pair{&a_, elements * kBf16Bytes},
                                      std::pair{&b_, elements * kBf16Bytes},
                                      std::pair{&c_, elements * sizeof(float)}}) {
    Result<cuda::DeviceMemory> made = cuda::AllocateDevice(context_, bytes);
    if (!made.ok()) return made.status();
    *memory = std::move(made).value();
  }
  Result<cuda::Stream> stream = cuda::MakeStream(context_, false);
  if (!stream.ok()) return stream.status();
  stream_ = std::move(stream).value();
  for (cuda::Event* event : {&start_, &end_}) {
    Result<cuda::Event> made = cuda::MakeTimingEvent(context_);
    if (!made.ok()) return made.status();
    *event = std::move(made).value();
  }
  return FillInputs();
}

// Random numbers between -1 and 1: zeroes would need less power, and so run faster than a model.
Status ProductLoad::FillInputs() {
  const std::uint64_t elements = std::uint64_t{size_} * size_;
  Result<cuda::HostMemory> host = cuda::AllocateHost(context_, elements * kBf16Bytes);
  if (!host.ok()) return host.status();
  std::minstd_rand random(1);
  auto* at = static_cast<std::byte*>(host.value().get());
  for (std::uint64_t i = 0; i < elements; ++i, at += kBf16Bytes) {
    const float value = static_cast<float>(random() % 2001) / 1000.0F - 1.0F;
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof(bits));
    const auto bf16 = static_cast<std::uint16_t>(bits >> 16);
    std::memcpy(at, &bf16, sizeof(bf16));
  }
  const cuda::DriverApi& api = context_->api();
  for (const cuda::DeviceMemory* matrix : {&a_, &b_}) {
    PEGA_RETURN_IF_ERROR(ToStatus(api, "cuMemcpyHtoDAsync",
                                  api.MemcpyHtoDAsync(matrix->get(), host.value().get(),
                                                      elements * kBf16Bytes, stream_.get())));
  }
  return ToStatus(api, "cuStreamSynchronize", api.StreamSynchronize(stream_.get()));
}

Status ProductLoad::Start(std::uint32_t launches) {
  const cuda::ScopedContext current(*context_);
  PEGA_RETURN_IF_ERROR(current.status());
  const cuda::DriverApi& api = context_->api();
  cuda::MatrixProductArguments arguments{.a = a_.get(), .b = b_.get(), .c = c_.get(),
                                         .m = size_, .n = size_, .k = size_,
                                         .repeats = products_};
  void* parameters[] = {&arguments};
  PEGA_RETURN_IF_ERROR(
      ToStatus(api, "cuEventRecord", api.EventRecord(start_.get(), stream_.get())));
  for (std::uint32_t i = 0; i < launches; ++i) {
    PEGA_RETURN_IF_ERROR(ToStatus(
        api, "cuLaunchKernel",
        api.LaunchKernel(function_, size_ / kTile, size_ / kTile, 1, kThreads, 1, 1, 0,
                         stream_.get(), parameters, nullptr)));
  }
  return ToStatus(api, "cuEventRecord", api.EventRecord(end_.get(), stream_.get()));
}

Result<ProductLoad::End> ProductLoad::Finish() {
  const cuda::ScopedContext current(*context_);
  PEGA_RETURN_IF_ERROR(current.status());
  const cuda::DriverApi& api = context_->api();
  PEGA_RETURN_IF_ERROR(
      ToStatus(api, "cuEventSynchronize", api.EventSynchronize(end_.get())));
  End end;
  end.seen = std::chrono::steady_clock::now();
  float milliseconds = 0;
  PEGA_RETURN_IF_ERROR(
      ToStatus(api, "cuEventElapsedTime",
               api.EventElapsedTime(&milliseconds, start_.get(), end_.get())));
  end.seconds = static_cast<double>(milliseconds) / 1e3;
  return end;
}

Result<double> ProductLoad::Run(std::uint32_t launches) {
  PEGA_RETURN_IF_ERROR(Start(launches));
  Result<End> end = Finish();
  if (!end.ok()) return end.status();
  return end.value().seconds;
}

double ProductLoad::tera_flops() const {
  return 2.0 * std::pow(size_, 3) * products_ / launch_seconds_ / 1e12;
}

}  // namespace pega::gauge
