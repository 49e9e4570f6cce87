// pega_matrix_product: bf16 inputs, float sums. A product of more than kMultiplyAddsMax is worked
// out for its first rows only, once whatever `repeats` says: a host's core is no GPU.
#include <cstring>
#include <vector>

#include "cuda/fake/kernels.h"
#include "cuda/fake/machine.h"
#include "cuda/kernels/matrix_product.h"

namespace pega::cuda::fake {
namespace {

constexpr std::uint64_t kMultiplyAddsMax = std::uint64_t{1} << 24;

float FromBf16(std::uint16_t value) {
  const std::uint32_t bits = std::uint32_t{value} << 16;
  float number;
  std::memcpy(&number, &bits, sizeof number);
  return number;
}

class MatrixProduct : public Work {
 public:
  explicit MatrixProduct(const MatrixProductArguments& of) : of_(of) {}

  CUresult Prepare(Driver& driver, Operation& operation) override {
    Machine& machine = *driver.machine;
    const std::uint64_t m = of_.m, n = of_.n, k = of_.k;
    a_ = reinterpret_cast<const std::uint16_t*>(
        KernelBytes(machine, operation, of_.a, m * k * sizeof(std::uint16_t)));
    b_ = reinterpret_cast<const std::uint16_t*>(
        KernelBytes(machine, operation, of_.b, k * n * sizeof(std::uint16_t)));
    c_ = reinterpret_cast<float*>(KernelBytes(machine, operation, of_.c, m * n * sizeof(float)));
    return a_ == nullptr || b_ == nullptr || c_ == nullptr ? kErrorIllegalAddress : kSuccess;
  }
  void Garble() override {
    constexpr int kGarbage = 0xDB;
    std::memset(c_, kGarbage, std::size_t{of_.m} * of_.n * sizeof(float));
  }
  void Move() override {
    std::vector<float> sums(of_.n);
    const std::uint64_t row_cost = std::uint64_t{of_.n} * of_.k;
    for (std::uint64_t row = 0; row < of_.m && (row + 1) * row_cost <= kMultiplyAddsMax; ++row) {
      std::fill(sums.begin(), sums.end(), 0.0f);
      for (std::uint64_t i = 0; i < of_.k; ++i) {
        const float left = FromBf16(a_[row * of_.k + i]);
        const std::uint16_t* const right = b_ + i * of_.n;
        for (std::uint32_t column = 0; column < of_.n; ++column) {
          sums[column] += left * FromBf16(right[column]);
        }
      }
      std::memcpy(c_ + row * of_.n, sums.data(), of_.n * sizeof(float));
    }
  }

 private:
  const MatrixProductArguments of_;
  const std::uint16_t* a_ = nullptr;
  const std::uint16_t* b_ = nullptr;
  float* c_ = nullptr;
};

}  // namespace

std::unique_ptr<Work> MakeMatrixProduct(const void* parameter, ByteSet* reads, ByteSet* writes) {
  MatrixProductArguments of;
  std::memcpy(&of, parameter, sizeof of);
  const std::uint64_t m = of.m, n = of.n, k = of.k;
  reads->Add(of.a, m * k * sizeof(std::uint16_t));
  reads->Add(of.b, k * n * sizeof(std::uint16_t));
  writes->Add(of.c, m * n * sizeof(float));
  return std::make_unique<MatrixProduct>(of);
}

}  // namespace pega::cuda::fake
