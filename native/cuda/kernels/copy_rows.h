// The arguments of the scatter and gather kernels: plain memory that nvcc, the device and the fake
// driver read alike. One launch moves `block_count` rows of a staging buffer to or from the blocks
// of a layer range.
//
// A row is a contiguous range of a slot: the layer range's bytes, in slot order. Row r belongs to
// device block block_ids[r]. Span s of it lies in the row at row_offset_bytes and on the device at
// device_address + block × block_stride_bytes (neighbouring segments are one span).
//
// Kernels (copy_rows.cu): pega_scatter_W and pega_gather_W for W = 16, 4, 1, the bytes a thread moves
// at once. REQUIRES: W divides all addresses, offsets, strides and sizes. Grid: any; block: 512 × 1.
// One parameter each: a CopyRowsArguments by value.
#pragma once

#ifdef __CUDACC__
#define PEGA_U32 unsigned int
#define PEGA_U64 unsigned long long
#else
#include <cstdint>
#define PEGA_U32 std::uint32_t
#define PEGA_U64 std::uint64_t
#endif

namespace pega::cuda {

struct RowSpan {
  PEGA_U64 device_address;  // of block 0
  PEGA_U64 block_stride_bytes;
  PEGA_U64 bytes;
  PEGA_U64 row_offset_bytes;
};

struct CopyRowsArguments {
  PEGA_U64 spans;      // device address of RowSpan[span_count]
  PEGA_U64 block_ids;  // device address of u32[block_count]; may be mapped host memory
  PEGA_U64 rows;       // device address of row 0
  PEGA_U64 row_pitch_bytes;
  PEGA_U32 span_count;
  PEGA_U32 block_count;
};

}  // namespace pega::cuda

#undef PEGA_U32
#undef PEGA_U64
