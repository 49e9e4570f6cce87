// pega_matrix_product: C = A·B on tensor cores (matrix_product.h).
//
// A CTA makes 128 × 128 of C, each of its 8 warps 64 × 32. Tiles of A and B, 32 deep, come by cp.async
// into three buffers, so that two are under way while one is used. Their 16-byte chunks are permuted
// within a row so that neither cp.async nor ldmatrix meets a bank twice. CTAs go through C in bands of
// 8 tiles' height: what runs at once shares its inputs in L2.
#include "cuda/kernels/matrix_product.h"

namespace pega::cuda {
namespace {

using u64 = unsigned long long;

constexpr unsigned kThreads = 256;
constexpr unsigned kCtasPerSm = 2;
constexpr unsigned kTile = 128;
constexpr unsigned kDepth = 32;
constexpr unsigned kBuffers = 3;
constexpr unsigned kWarpRows = 64;
constexpr unsigned kWarpColumns = 32;
constexpr unsigned kBand = 8;
constexpr unsigned kElementBytes = 2;  // bf16
constexpr unsigned kChunkBytes = 16;
constexpr unsigned kChunkElements = kChunkBytes / kElementBytes;
constexpr unsigned kChunksOfA = kDepth / kChunkElements;  // a row
constexpr unsigned kChunksOfB = kTile / kChunkElements;
constexpr unsigned kBytesOfA = kTile * kDepth * kElementBytes;
constexpr unsigned kBytesOfB = kDepth * kTile * kElementBytes;
constexpr unsigned kBufferBytes = kBytesOfA + kBytesOfB;
// One mma.sync: 16 × 16 of A, 16 × 8 of B.
constexpr unsigned kMmaRows = 16, kMmaColumns = 8, kMmaDepth = 16;
constexpr unsigned kRowSteps = kWarpRows / kMmaRows;
constexpr unsigned kColumnSteps = kWarpColumns / kMmaColumns;

// Where a chunk lies in its buffer, from the start of A's or B's part.
__device__ __forceinline__ unsigned PlaceInA(unsigned row, unsigned chunk) {
  return (row * kChunksOfA + (chunk ^ (row / 2 % kChunksOfA))) * kChunkBytes;
}
__device__ __forceinline__ unsigned PlaceInB(unsigned row, unsigned chunk) {
  return (row * kChunksOfB + (chunk ^ (row % 8))) * kChunkBytes;
}

__device__ __forceinline__ void CopyChunk(unsigned to_shared, const char* from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to_shared), "l"(from) : "memory");
}
__device__ __forceinline__ void EndCopies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// All groups but the newest one have arrived.
__device__ __forceinline__ void WaitForCopies() {
  asm volatile("cp.async.wait_group 1;" ::: "memory");
}

__device__ __forceinline__ void LoadFourOfA(unsigned (&to)[4], unsigned from_shared) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(from_shared)
               : "memory");
}
// Two neighbours of 16 × 8, column by column.
__device__ __forceinline__ void LoadTwoOfB(unsigned (&left)[2], unsigned (&right)[2],
                                           unsigned from_shared) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(left[0]), "=r"(left[1]), "=r"(right[0]), "=r"(right[1])
               : "r"(from_shared)
               : "memory");
}
__device__ __forceinline__ void MultiplyAdd(float (&c)[4], const unsigned (&a)[4],
                                            const unsigned (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

struct Corner {
  unsigned row, column;  // of this CTA's part of C
};

__device__ __forceinline__ Corner FindCorner() {
  const unsigned cta = blockIdx.y * gridDim.x + blockIdx.x;
  const unsigned band_ctas = kBand * gridDim.x;
  const unsigned first_row = cta / band_ctas * kBand;
  const unsigned rows = min(kBand, gridDim.y - first_row);
  const unsigned in_band = cta % band_ctas;
  return {(first_row + in_band % rows) * kTile, in_band / rows * kTile};
}

// What one thread brings of each pair of tiles: two chunks of A and two of B, half a tile apart. A
// chunk's place half a tile further is permuted alike, so one offset serves both.
class TileCopies {
 public:
  __device__ __forceinline__ TileCopies(const MatrixProductArguments& of, Corner corner) {
    const unsigned row_of_a = threadIdx.x / kChunksOfA, chunk_of_a = threadIdx.x % kChunksOfA;
    const unsigned row_of_b = threadIdx.x / kChunksOfB, chunk_of_b = threadIdx.x % kChunksOfB;
    const u64 row_bytes_of_a = static_cast<u64>(of.k) * kElementBytes;
    const u64 row_bytes_of_b = static_cast<u64>(of.n) * kElementBytes;
    a_ = reinterpret_cast<const char*>(of.a) + (corner.row + row_of_a) * row_bytes_of_a +
         chunk_of_a * kChunkBytes;
    b_ = reinterpret_cast<const char*>(of.b) + row_of_b * row_bytes_of_b +
         corner.column * kElementBytes + chunk_of_b * kChunkBytes;
    half_of_a_ = kTile / 2 * row_bytes_of_a;
    half_of_b_ = kDepth / 2 * row_bytes_of_b;
    place_in_a_ = PlaceInA(row_of_a, chunk_of_a);
    place_in_b_ = kBytesOfA + PlaceInB(row_of_b, chunk_of_b);
  }

  __device__ __forceinline__ void StartNext(unsigned buffer) {
    CopyChunk(buffer + place_in_a_, a_);
    CopyChunk(buffer + place_in_a_ + kBytesOfA / 2, a_ + half_of_a_);
    CopyChunk(buffer + place_in_b_, b_);
    CopyChunk(buffer + place_in_b_ + kBytesOfB / 2, b_ + half_of_b_);
    a_ += kDepth * kElementBytes;
    b_ += 2 * half_of_b_;
  }

 private:
  const char* a_;
  const char* b_;
  u64 half_of_a_, half_of_b_;
  unsigned place_in_a_, place_in_b_;
};

using Sums = float[kRowSteps][kColumnSteps][4];

// Adds one buffer's share to a warp's 64 × 32 sums, which begin at (row, column) of the CTA's part.
__device__ __forceinline__ void AddProduct(Sums& sums, unsigned buffer, unsigned row,
                                           unsigned column) {
  // ldmatrix takes its 32 row addresses from the lanes: 16 rows, then the same ones a chunk further.
  // 16 rows further on chunks are permuted alike.
  const unsigned lane_row = threadIdx.x % 16;
  const unsigned lane_chunk = threadIdx.x % 32 / 16;
#pragma unroll
  for (unsigned depth = 0; depth < kDepth; depth += kMmaDepth) {
    unsigned a[kRowSteps][4];
    unsigned b[kColumnSteps][2];
    const unsigned part_of_a =
        buffer + PlaceInA(row + lane_row, depth / kChunkElements + lane_chunk);
#pragma unroll
    for (unsigned i = 0; i < kRowSteps; ++i) {
      LoadFourOfA(a[i], part_of_a + i * kMmaRows * kChunksOfA * kChunkBytes);
    }
#pragma unroll
    for (unsigned j = 0; j < kColumnSteps; j += 2) {
      const unsigned chunk = column / kChunkElements + j + lane_chunk;
      LoadTwoOfB(b[j], b[j + 1],
                 buffer + kBytesOfA + PlaceInB(lane_row, chunk) + depth * kChunksOfB * kChunkBytes);
    }
#pragma unroll
    for (unsigned i = 0; i < kRowSteps; ++i) {
#pragma unroll
      for (unsigned j = 0; j < kColumnSteps; ++j) MultiplyAdd(sums[i][j], a[i], b[j]);
    }
  }
}

// (row, column): of the warp's part, in C.
__device__ __forceinline__ void StoreSums(const MatrixProductArguments& of, const Sums& sums,
                                          unsigned row, unsigned column) {
  const unsigned lane = threadIdx.x % 32;
  float* to = reinterpret_cast<float*>(of.c) + static_cast<u64>(row + lane / 4) * of.n + column +
              lane % 4 * 2;
  // Else the addresses of all repeats are worked out ahead, into registers that AddProduct needs.
  asm volatile("" : "+l"(to));
  const u64 eight_rows = static_cast<u64>(of.n) * 8;
#pragma unroll
  for (unsigned i = 0; i < kRowSteps; ++i, to += 2 * eight_rows) {
#pragma unroll
    for (unsigned j = 0; j < kColumnSteps; ++j) {
      const float(&sum)[4] = sums[i][j];
      float* const upper = to + j * kMmaColumns;
      *reinterpret_cast<float2*>(upper) = make_float2(sum[0], sum[1]);
      *reinterpret_cast<float2*>(upper + eight_rows) = make_float2(sum[2], sum[3]);
    }
  }
}

}  // namespace
}  // namespace pega::cuda

extern "C" __global__ void __launch_bounds__(pega::cuda::kThreads, pega::cuda::kCtasPerSm)
    pega_matrix_product(const pega::cuda::MatrixProductArguments arguments) {
  using namespace pega::cuda;
  __shared__ __align__(128) char shared[kBuffers * kBufferBytes];
  const unsigned buffers = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  const Corner corner = FindCorner();
  const unsigned warp = threadIdx.x / 32;
  const unsigned warp_row = warp / (kTile / kWarpColumns) * kWarpRows;
  const unsigned warp_column = warp % (kTile / kWarpColumns) * kWarpColumns;

  for (unsigned repeat = 0; repeat < arguments.repeats; ++repeat) {
    Sums sums = {};
    __syncthreads();  // the buffers of the last repeat are still read until here
    TileCopies copies(arguments, corner);
    copies.StartNext(buffers);
    EndCopies();
    copies.StartNext(buffers + kBufferBytes);
    EndCopies();
    unsigned used = 0, filled = 2;
#pragma unroll 1
    for (unsigned depth = 0; depth < arguments.k; depth += kDepth) {
      WaitForCopies();
      __syncthreads();  // this buffer is there for all, and all are through with the one before
      if (depth + 2 * kDepth < arguments.k) copies.StartNext(buffers + filled * kBufferBytes);
      EndCopies();  // an empty group, too: the wait counts groups
      AddProduct(sums, buffers + used * kBufferBytes, warp_row, warp_column);
      used = used + 1 == kBuffers ? 0 : used + 1;
      filled = filled + 1 == kBuffers ? 0 : filled + 1;
    }
    StoreSums(arguments, sums, corner.row + warp_row, corner.column + warp_column);
  }
}
