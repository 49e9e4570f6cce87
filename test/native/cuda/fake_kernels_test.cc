// The fake driver's kernels: what they copy and work out, and what they refuse.
#include <gtest/gtest.h>

#include "cuda/kernels/copy_rows.h"
#include "cuda/kernels/kernel_images.h"
#include "cuda/kernels/matrix_product.h"
#include "fake_gpu.h"

namespace pega::cuda {
namespace {

constexpr std::size_t kRows = 0;  // offsets on the device
constexpr std::size_t kBlocks = 64 << 10;
constexpr std::size_t kIds = 0, kSpans = 4096;  // and in host memory

// Rows of two spans, of 32 and 16 bytes, to and from the blocks of one layer.
struct FakeKernels : testing::Test {
  FakeGpu gpu{FakeDriver::kLenient};
  Module module = LoadModule(gpu.context, CopyRowsPtx()).value();
  RowSpan* spans = reinterpret_cast<RowSpan*>(gpu.Host(kSpans));
  std::uint32_t* ids = reinterpret_cast<std::uint32_t*>(gpu.Host(kIds));
  CopyRowsArguments of{};

  FakeKernels() {
    spans[0] = {gpu.Device(kBlocks), 64, 32, 0};
    spans[1] = {gpu.Device(kBlocks + 32), 64, 16, 32};
    const std::uint32_t chosen[] = {7, 2, 5};
    std::memcpy(ids, chosen, sizeof chosen);
    of.spans = reinterpret_cast<std::uint64_t>(spans);
    of.block_ids = reinterpret_cast<std::uint64_t>(ids);
    of.rows = gpu.Device(kRows);
    of.row_pitch_bytes = 48;
    of.span_count = 2;
    of.block_count = 3;
  }
  unsigned char* Bytes(std::size_t offset) const {
    return const_cast<unsigned char*>(gpu.DeviceBytes(offset));
  }
  CUresult Launch(const char* name, const Stream& stream, unsigned block = 512) {
    const CUfunction function = FindFunction(*gpu.context, module, name).value();
    void* parameters[] = {&of};
    return gpu.api.LaunchKernel(function, 16, 1, 1, block, 1, 1, 0, stream.get(), parameters,
                                nullptr);
  }
};

TEST_F(FakeKernels, ScatterAndGatherAreEachOthersInverse) {
  for (unsigned char i = 0; i < 144; ++i) Bytes(kRows)[i] = i;
  ASSERT_EQ(Launch("pega_scatter_16", gpu.a), kSuccess);
  gpu.Await(gpu.a);
  EXPECT_EQ(std::memcmp(Bytes(kBlocks + 7 * 64), Bytes(kRows), 48), 0);
  EXPECT_EQ(std::memcmp(Bytes(kBlocks + 2 * 64), Bytes(kRows + 48), 48), 0);
  EXPECT_EQ(std::memcmp(Bytes(kBlocks + 5 * 64), Bytes(kRows + 96), 48), 0);
  EXPECT_EQ(Bytes(kBlocks + 5 * 64)[48], 0xA5);  // beside the spans: untouched
  std::memset(Bytes(kRows), 0, 144);
  ASSERT_EQ(Launch("pega_gather_4", gpu.a), kSuccess);
  gpu.Await(gpu.a);
  for (unsigned char i = 0; i < 144; ++i) EXPECT_EQ(Bytes(kRows)[i], i);
  EXPECT_TRUE(gpu.fake.Misuse().empty());
}

TEST_F(FakeKernels, BlockIdsAreReadWhenTheKernelRuns) {
  gpu.fake.fake_cuda_hold(gpu.a.get());
  std::memset(Bytes(kRows), 1, 144);
  ASSERT_EQ(Launch("pega_scatter_1", gpu.a), kSuccess);
  ids[0] = 9;
  gpu.fake.fake_cuda_release(gpu.a.get());
  gpu.Await(gpu.a);
  EXPECT_EQ(Bytes(kBlocks + 9 * 64)[0], 1);
  EXPECT_EQ(Bytes(kBlocks + 7 * 64)[0], 0xA5);
}

TEST_F(FakeKernels, ABlockPastTheAllocationEndsTheContext) {
  ids[1] = 1 << 20;
  ASSERT_EQ(Launch("pega_scatter_16", gpu.a), kSuccess);
  EXPECT_EQ(gpu.api.StreamSynchronize(gpu.a.get()), kErrorIllegalAddress);
  EXPECT_TRUE(gpu.FoundMisuse("are in no live memory"));
}

TEST_F(FakeKernels, MisalignedSpansEndTheContext) {
  spans[1].bytes = 12;
  ASSERT_EQ(Launch("pega_scatter_4", gpu.a), kSuccess);
  gpu.Await(gpu.a);
  ASSERT_EQ(Launch("pega_scatter_16", gpu.a), kSuccess);
  EXPECT_EQ(gpu.api.StreamSynchronize(gpu.a.get()), kErrorMisalignedAddress);
}

TEST_F(FakeKernels, ASpanPastItsRow) {
  spans[1].row_offset_bytes = 36;
  ASSERT_EQ(Launch("pega_scatter_4", gpu.a), kSuccess);
  EXPECT_EQ(gpu.api.StreamSynchronize(gpu.a.get()), kErrorIllegalAddress);
  EXPECT_TRUE(gpu.FoundMisuse("goes past its row"));
}

TEST_F(FakeKernels, ABlockTwiceInOneScatter) {
  ids[2] = 7;
  ASSERT_EQ(Launch("pega_gather_16", gpu.a), kSuccess);
  gpu.Await(gpu.a);
  EXPECT_TRUE(gpu.fake.Misuse().empty());
  ASSERT_EQ(Launch("pega_scatter_16", gpu.a), kSuccess);
  gpu.Await(gpu.a);
  EXPECT_TRUE(gpu.FoundMisuse("writes bytes of a block twice"));
}

TEST_F(FakeKernels, TheWrongBlockOfThreads) {
  EXPECT_EQ(Launch("pega_scatter_16", gpu.a, 256), kErrorInvalidValue);
  EXPECT_TRUE(gpu.FoundMisuse("a grid or block that pega_scatter_16 does not take"));
}

TEST_F(FakeKernels, RacesOverBlocksAreFoundWhenTheyAreKnown) {
  ASSERT_EQ(Launch("pega_scatter_16", gpu.a), kSuccess);
  ASSERT_EQ(gpu.api.MemsetD8Async(gpu.Device(kBlocks + 6 * 64), 0, 64, gpu.b.get()), kSuccess);
  gpu.Await(gpu.a);
  gpu.Await(gpu.b);
  EXPECT_TRUE(gpu.fake.Misuse().empty());
  ASSERT_EQ(Launch("pega_scatter_16", gpu.a), kSuccess);
  ASSERT_EQ(gpu.api.MemsetD8Async(gpu.Device(kBlocks + 5 * 64), 0, 64, gpu.b.get()), kSuccess);
  gpu.Await(gpu.a);
  gpu.Await(gpu.b);
  EXPECT_TRUE(gpu.FoundMisuse("race: "));
}

// The other operation has run, and the host knows, before the kernel begins: a race nevertheless,
// for nothing made the kernel wait.
TEST_F(FakeKernels, ALateKernelRacesWithWhatEndedBefore) {
  gpu.fake.fake_cuda_hold(gpu.a.get());
  ASSERT_EQ(Launch("pega_scatter_16", gpu.a), kSuccess);
  ASSERT_EQ(gpu.api.MemsetD8Async(gpu.Device(kBlocks + 5 * 64), 0, 64, gpu.b.get()), kSuccess);
  gpu.Await(gpu.b);
  EXPECT_TRUE(gpu.fake.Misuse().empty());
  gpu.fake.fake_cuda_release(gpu.a.get());
  gpu.Await(gpu.a);
  EXPECT_TRUE(gpu.FoundMisuse("race: "));
}

TEST_F(FakeKernels, StagingReusedWithoutAWait) {
  ASSERT_EQ(gpu.api.MemcpyHtoDAsync(gpu.Device(kRows), gpu.Host(8192), 144, gpu.b.get()), kSuccess);
  const Event filled = gpu.MakeRecorded(gpu.b);
  ASSERT_EQ(gpu.api.StreamWaitEvent(gpu.a.get(), filled.get(), 0), kSuccess);
  ASSERT_EQ(Launch("pega_scatter_16", gpu.a), kSuccess);
  EXPECT_TRUE(gpu.fake.Misuse().empty());
  ASSERT_EQ(gpu.api.MemcpyHtoDAsync(gpu.Device(kRows), gpu.Host(8192), 144, gpu.b.get()), kSuccess);
  EXPECT_TRUE(gpu.FoundMisuse("race: "));
  gpu.Await(gpu.a);
  gpu.Await(gpu.b);
}

TEST(FakeMatrixProduct, IsTheProduct) {
  constexpr unsigned kSize = 128;
  const FakeGpu gpu;
  const Module module = LoadModule(gpu.context, MatrixProductPtx()).value();
  const CUfunction function = FindFunction(*gpu.context, module, "pega_matrix_product").value();
  const DeviceMemory inputs = AllocateDevice(gpu.context, 2 * kSize * kSize * 2).value();
  const DeviceMemory output = AllocateDevice(gpu.context, kSize * kSize * 4).value();
  auto* const a = static_cast<std::uint16_t*>(gpu.fake.fake_cuda_bytes(inputs.get()));
  std::uint16_t* const b = a + kSize * kSize;
  std::memset(a, 0, kSize * kSize * 2);
  constexpr std::uint16_t kTwo = 0x4000, kThree = 0x4040;  // bf16
  for (unsigned i = 0; i < kSize; ++i) a[i * kSize + i] = kTwo;
  for (unsigned i = 0; i < kSize * kSize; ++i) b[i] = i % 2 == 0 ? kTwo : kThree;
  MatrixProductArguments of{
      inputs.get(), inputs.get() + kSize * kSize * 2, output.get(), kSize, kSize, kSize, 3};
  void* parameters[] = {&of};
  ASSERT_EQ(gpu.api.LaunchKernel(function, 1, 1, 1, 256, 1, 1, 0, gpu.a.get(), parameters, nullptr),
            kSuccess);
  gpu.Await(gpu.a);
  const auto* const c = static_cast<const float*>(gpu.fake.fake_cuda_bytes(output.get()));
  for (unsigned i = 0; i < kSize * kSize; ++i) ASSERT_EQ(c[i], i % 2 == 0 ? 4.0f : 6.0f) << i;
}

}  // namespace
}  // namespace pega::cuda
