// Cuts pitched copies so that each lies in one registered piece of its slab. Private to the
// planner.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cuda/plan/copy_plan.h"

namespace pega::cuda {

// The longest pitch that GPUs take (CU_DEVICE_ATTRIBUTE_MAX_PITCH).
inline constexpr std::uint64_t kPitchBytesMax = (std::uint64_t{1} << 31) - 1;

// One row, cut at the ends of pieces.
template <typename Take>
void CutRow(std::uint64_t host, std::uint64_t device, std::uint64_t bytes,
            std::uint64_t slab_offset_bytes, std::uint64_t piece_bytes, Take& take) {
  while (bytes > 0) {
    const std::uint64_t part = std::min(bytes, piece_bytes - slab_offset_bytes % piece_bytes);
    take(PitchedCopy{host, part, device, part, part, 1});
    host += part;
    device += part;
    slab_offset_bytes += part;
    bytes -= part;
  }
}

// `rows`, whose first row lies at slab_offset_bytes, as the fewest copies: take(PitchedCopy) each.
// Rows that touch each other on both sides are one long row.
template <typename Take>
void CutAtPieces(const PitchedCopy& rows, std::uint64_t slab_offset_bytes,
                 std::uint64_t piece_bytes, Take take) {
  const bool touching =
      rows.row_bytes == rows.host_pitch_bytes && rows.row_bytes == rows.device_pitch_bytes;
  if (rows.rows == 1 || touching) {
    CutRow(rows.host_address, rows.device_address, rows.row_bytes * rows.rows, slab_offset_bytes,
           piece_bytes, take);
    return;
  }
  const bool one_by_one =
      rows.host_pitch_bytes > kPitchBytesMax || rows.device_pitch_bytes > kPitchBytesMax;
  for (std::uint64_t row = 0; row < rows.rows;) {
    const std::uint64_t host_offset = row * rows.host_pitch_bytes;
    const std::uint64_t host = rows.host_address + host_offset;
    const std::uint64_t device = rows.device_address + row * rows.device_pitch_bytes;
    const std::uint64_t offset = slab_offset_bytes + host_offset;
    const std::uint64_t room = piece_bytes - offset % piece_bytes;
    std::uint64_t fitting = 1;
    if (!one_by_one && rows.row_bytes <= room) {
      fitting = std::min(rows.rows - row, 1 + (room - rows.row_bytes) / rows.host_pitch_bytes);
    }
    if (fitting == 1) {
      CutRow(host, device, rows.row_bytes, offset, piece_bytes, take);
    } else {
      take(PitchedCopy{host, rows.host_pitch_bytes, device, rows.device_pitch_bytes, rows.row_bytes,
                       fitting});
    }
    row += fitting;
  }
}

}  // namespace pega::cuda
