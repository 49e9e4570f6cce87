// pega_scatter_W and pega_gather_W: rows of a staging buffer to and from blocks (copy_rows.h).
//
// All rows, span by span, are one list of tiles: 8 vectors for each lane of a warp, 4 KiB at W = 16,
// the last of a span shorter. Each warp takes an even share of neighbouring tiles, so that the split is
// even whatever the spans' sizes, and a block id is read once or twice by the whole grid, which
// matters where ids lie in host memory. Few tiles are spread over CTAs first. No shared memory, no
// barrier, no bound on the number of spans; a row has fewer than 2^32 tiles.
#include "cuda/kernels/copy_rows.h"

namespace pega::cuda {
namespace {

using u64 = unsigned long long;

constexpr unsigned kThreads = 512;
// Leaves half of an SM's registers to others.
constexpr unsigned kCtasPerSm = 2;
constexpr unsigned kLanes = 32;
constexpr unsigned kVectorsPerLane = 8;  // loads in flight
constexpr unsigned kTileVectors = kLanes * kVectorsPerLane;
constexpr unsigned kWholeWarp = 0xffffffffu;

template <unsigned kWidth>
struct VectorOf;
template <>
struct VectorOf<16> {
  using Type = uint4;
};
template <>
struct VectorOf<4> {
  using Type = unsigned;
};
template <>
struct VectorOf<1> {
  using Type = unsigned char;
};

// The block ids of 32 neighbouring rows, one a lane: read at once, given out by shuffles.
class BlockIds {
 public:
  __device__ __forceinline__ BlockIds(const CopyRowsArguments& arguments, unsigned lane)
      : ids_(reinterpret_cast<const unsigned*>(arguments.block_ids)),
        count_(arguments.block_count),
        lane_(lane) {
    Read(0);
  }
  // REQUIRES: the whole warp asks for the same row, none before the last one asked for.
  __device__ __forceinline__ unsigned Of(u64 row) {
    if (row - first_row_ >= kLanes) Read(row);
    return __shfl_sync(kWholeWarp, own_, static_cast<unsigned>(row - first_row_));
  }

 private:
  __device__ __forceinline__ void Read(u64 row) {
    first_row_ = row;
    own_ = row + lane_ < count_ ? ids_[row + lane_] : 0;
  }

  const unsigned* ids_;
  u64 count_;
  u64 first_row_ = 0;
  unsigned lane_;
  unsigned own_ = 0;
};

__device__ __forceinline__ unsigned TilesOf(u64 bytes, unsigned width) {
  return static_cast<unsigned>((bytes / width + kTileVectors - 1) / kTileVectors);
}

__device__ __forceinline__ unsigned TilesOfRow(const RowSpan* spans, unsigned span_count,
                                               unsigned width, unsigned lane) {
  unsigned tiles = 0;
  for (unsigned span = lane; span < span_count; span += kLanes) {
    tiles += TilesOf(spans[span].bytes, width);
  }
  return __reduce_add_sync(kWholeWarp, tiles);
}

struct TileOfRow {
  unsigned span;
  unsigned tile;  // of the span
};

// REQUIRES: tile < TilesOfRow.
__device__ __forceinline__ TileOfRow FindTile(const RowSpan* spans, unsigned span_count,
                                              unsigned width, unsigned lane, unsigned tile) {
  for (unsigned first = 0;; first += kLanes) {
    const unsigned span = first + lane;
    const unsigned own = span < span_count ? TilesOf(spans[span].bytes, width) : 0;
    unsigned end = own;  // of all spans up to this lane's
#pragma unroll
    for (unsigned step = 1; step < kLanes; step *= 2) {
      const unsigned before = __shfl_up_sync(kWholeWarp, end, step);
      if (lane >= step) end += before;
    }
    const unsigned behind = __ballot_sync(kWholeWarp, tile < end);
    if (behind != 0) {
      const unsigned owner = __ffs(static_cast<int>(behind)) - 1;
      return {first + owner, tile - __shfl_sync(kWholeWarp, end - own, owner)};
    }
    tile -= __shfl_sync(kWholeWarp, end, kLanes - 1);
  }
}

// `vectors`: what is left of the span; a tile is copied at most. Addresses are the lane's own. All
// loads are under way before the first store needs one.
template <typename Vector>
__device__ __forceinline__ void CopyTile(const Vector* from, Vector* to, u64 vectors,
                                         unsigned lane) {
  const unsigned end = vectors < kTileVectors ? static_cast<unsigned>(vectors) : kTileVectors;
  Vector held[kVectorsPerLane];
#pragma unroll
  for (unsigned i = 0; i < kVectorsPerLane; ++i) {
    if (lane + i * kLanes < end) held[i] = __ldcs(from + i * kLanes);
  }
#pragma unroll
  for (unsigned i = 0; i < kVectorsPerLane; ++i) {
    if (lane + i * kLanes < end) __stcs(to + i * kLanes, held[i]);
  }
}

template <unsigned kWidth, bool kToBlocks>
__device__ __forceinline__ void CopyRows(const CopyRowsArguments& arguments) {
  using Vector = typename VectorOf<kWidth>::Type;
  const unsigned lane = threadIdx.x % kLanes;
  const RowSpan* const spans = reinterpret_cast<const RowSpan*>(arguments.spans);
  BlockIds ids(arguments, lane);
  const unsigned row_tiles = TilesOfRow(spans, arguments.span_count, kWidth, lane);
  if (row_tiles == 0) return;

  const u64 tiles = static_cast<u64>(row_tiles) * arguments.block_count;
  const u64 warps = static_cast<u64>(gridDim.x) * (kThreads / kLanes);
  const u64 warp = static_cast<u64>(threadIdx.x / kLanes) * gridDim.x + blockIdx.x;
  const u64 share = tiles / warps;
  const u64 shares_with_one_more = tiles % warps;
  u64 left = share + (warp < shares_with_one_more ? 1 : 0);
  if (left == 0) return;
  const u64 first =
      warp * share + (warp < shares_with_one_more ? warp : shares_with_one_more);
  u64 row = first / row_tiles;
  const TileOfRow start = FindTile(spans, arguments.span_count, kWidth, lane,
                                   static_cast<unsigned>(first - row * row_tiles));
  unsigned span_index = start.span;
  u64 vector = static_cast<u64>(start.tile) * kTileVectors;

  for (;;) {  // a span of a row, or as much of it as is this warp's
    const RowSpan span = spans[span_index];
    const u64 vectors = span.bytes / kWidth;
    const u64 offset = lane * kWidth;
    const u64 staged = arguments.rows + row * arguments.row_pitch_bytes + span.row_offset_bytes;
    const u64 block = span.device_address + ids.Of(row) * span.block_stride_bytes;
    const Vector* const from =
        reinterpret_cast<const Vector*>((kToBlocks ? staged : block) + offset);
    Vector* const to = reinterpret_cast<Vector*>((kToBlocks ? block : staged) + offset);
    for (; vector < vectors; vector += kTileVectors) {
      CopyTile(from + vector, to + vector, vectors - vector, lane);
      if (--left == 0) return;
    }
    vector = 0;
    if (++span_index == arguments.span_count) {
      span_index = 0;
      ++row;
    }
  }
}

}  // namespace
}  // namespace pega::cuda

#define PEGA_COPY_ROWS(name, width, to_blocks)                                               \
  extern "C" __global__ void __launch_bounds__(pega::cuda::kThreads, pega::cuda::kCtasPerSm) \
      name(const pega::cuda::CopyRowsArguments arguments) {                                  \
    pega::cuda::CopyRows<width, to_blocks>(arguments);                                       \
  }

PEGA_COPY_ROWS(pega_scatter_16, 16, true)
PEGA_COPY_ROWS(pega_scatter_4, 4, true)
PEGA_COPY_ROWS(pega_scatter_1, 1, true)
PEGA_COPY_ROWS(pega_gather_16, 16, false)
PEGA_COPY_ROWS(pega_gather_4, 4, false)
PEGA_COPY_ROWS(pega_gather_1, 1, false)
