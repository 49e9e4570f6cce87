// The matrix product: exact on small whole numbers, which bf16 and float hold without rounding, and
// its TFLOP/s.
#include <algorithm>
#include <bit>

#include "cuda/kernels/matrix_product.h"
#include "gpu.h"

namespace pega::cuda::gpu {
namespace {

struct Shape {
  unsigned m, n, k, repeats;
};

std::uint16_t ToBf16(int value) {
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(value)) >> 16);
}

// -8 to 8: sums of 8192 products stay far below 2^24.
std::vector<int> RandomMatrix(Random& random, std::uint64_t count) {
  std::vector<int> values(count);
  for (int& value : values) value = static_cast<int>(random.Below(17)) - 8;
  return values;
}

DeviceMemory PlaceAsBf16(const Gpu& gpu, const std::vector<int>& values) {
  std::vector<std::uint16_t> converted(values.size());
  std::transform(values.begin(), values.end(), converted.begin(), ToBf16);
  return gpu.Place(converted);
}

class Product {
 public:
  Product(const Gpu& gpu, Shape shape)
      : gpu_(gpu), shape_(shape), random_(shape.m + shape.n + shape.k) {
    a_ = RandomMatrix(random_, std::uint64_t{shape.m} * shape.k);
    b_ = RandomMatrix(random_, std::uint64_t{shape.k} * shape.n);
    a_there_ = PlaceAsBf16(gpu, a_);
    b_there_ = PlaceAsBf16(gpu, b_);
    c_there_ = gpu.Place(std::vector<float>(std::size_t{shape.m} * shape.n, -0.5f));
  }

  void Launch() const {
    gpu_.Launch(gpu_.Find(gpu_.product, "pega_matrix_product"), shape_.n / 128, shape_.m / 128,
                kProductThreads,
                MatrixProductArguments{.a = a_there_.get(),
                                       .b = b_there_.get(),
                                       .c = c_there_.get(),
                                       .m = shape_.m,
                                       .n = shape_.n,
                                       .k = shape_.k,
                                       .repeats = shape_.repeats});
  }

  // Looks at all elements of a small product, at some of a large one.
  std::uint64_t CountWrong() {
    std::vector<float> c(std::size_t{shape_.m} * shape_.n);
    gpu_.ToHost(c.data(), c_there_.get(), c.size() * sizeof(float));
    const bool all = c.size() <= 400000;
    std::uint64_t wrong = 0;
    for (std::uint64_t i = 0; i < (all ? c.size() : 20000); ++i) {
      const std::uint64_t at = all ? i : random_.Below(c.size());
      if (c[at] != static_cast<float>(Expected(at / shape_.n, at % shape_.n))) ++wrong;
    }
    return wrong;
  }

 private:
  int Expected(std::uint64_t row, std::uint64_t column) const {
    int sum = 0;
    for (std::uint64_t i = 0; i < shape_.k; ++i) {
      sum += a_[row * shape_.k + i] * b_[i * shape_.n + column];
    }
    return sum;
  }

  const Gpu& gpu_;
  const Shape shape_;
  Random random_;
  std::vector<int> a_, b_;
  DeviceMemory a_there_, b_there_, c_there_;
};

}  // namespace

bool CheckMatrixProduct(const Gpu& gpu) {
  bool right = true;
  for (const Shape shape : {Shape{128, 128, 128, 1}, Shape{256, 384, 640, 1},
                            Shape{1408, 256, 128, 3}, Shape{2048, 2048, 4096, 2}}) {
    Product product(gpu, shape);
    product.Launch();
    gpu.Wait();
    const std::uint64_t wrong = product.CountWrong();
    std::printf("{\"check\":\"matrix_product\",\"m\":%u,\"n\":%u,\"k\":%u,\"wrong\":%llu}\n",
                shape.m, shape.n, shape.k, static_cast<unsigned long long>(wrong));
    right = right && wrong == 0;
  }
  return right;
}

void MeasureMatrixProduct(const Gpu& gpu) {
  for (const unsigned side : {2048u, 4096u, 8192u}) {
    const Shape shape{side, side, side, side == 8192 ? 2u : 16u};
    const Product product(gpu, shape);
    const Event start = Take(MakeTimingEvent(gpu.context));
    const Event end = Take(MakeTimingEvent(gpu.context));
    float best = 1e9f;
    for (int sample = 0; sample < 6; ++sample) {
      gpu.Check("cuEventRecord", gpu.api.EventRecord(start.get(), gpu.stream.get()));
      product.Launch();
      gpu.Check("cuEventRecord", gpu.api.EventRecord(end.get(), gpu.stream.get()));
      gpu.Wait();
      float milliseconds = 0;
      gpu.Check("cuEventElapsedTime",
                gpu.api.EventElapsedTime(&milliseconds, start.get(), end.get()));
      best = std::min(best, milliseconds);
    }
    const double operations = 2.0 * side * side * side * shape.repeats;
    std::printf("{\"speed\":\"pega_matrix_product\",\"side\":%u,\"repeats\":%u,\"tflops\":%.1f}\n",
                side, shape.repeats, operations / (static_cast<double>(best) * 1e9));
  }
}

}  // namespace pega::cuda::gpu
