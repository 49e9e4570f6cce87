// LayerRows: the shape of one block's share of a layer range, on the device and in a slot. Private
// to the planner.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cuda/kernels/copy_rows.h"
#include "transfer/layout.h"

namespace pega::cuda {

struct LayerRows {
  std::vector<RowSpan> spans;           // neighbours merged
  std::uint64_t slot_offset_bytes = 0;  // of the range in a slot
  std::uint64_t row_bytes = 0;
  std::uint64_t slot_pitch_bytes = 0;
  std::uint64_t piece_bytes = 0;  // registered
};

// Neighbours in the slot and on the device become one span. Row offsets from the first byte.
inline std::vector<RowSpan> MergeSegments(std::span<const BlockLayout::Segment> segments) {
  std::vector<RowSpan> spans;
  spans.reserve(segments.size());
  for (const BlockLayout::Segment& segment : segments) {
    if (!spans.empty()) {
      RowSpan& last = spans.back();
      if (last.device_address + last.bytes == segment.device_address &&
          last.block_stride_bytes == segment.block_stride_bytes) {
        last.bytes += segment.bytes;
        continue;
      }
    }
    spans.push_back({segment.device_address, segment.block_stride_bytes, segment.bytes,
                     segment.slot_offset_bytes - segments.front().slot_offset_bytes});
  }
  return spans;
}

}  // namespace pega::cuda
