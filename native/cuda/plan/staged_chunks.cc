#include "cuda/plan/staged_chunks.h"

#include <algorithm>

namespace pega::cuda {
namespace {

std::uint64_t EndBytes(const PitchedCopy& copy) {
  return copy.device_address + copy.rows * copy.row_bytes;
}

std::uint64_t ChunkCount(std::uint64_t rows, std::uint64_t row_bytes, const ChunkRule& rule) {
  const std::uint64_t rows_max = rule.chunk_bytes / row_bytes;
  const std::uint64_t count = (rows + rows_max - 1) / rows_max;
  const bool worth = rows / 2 * row_bytes >= kSplitBytesMin;
  return count == 1 && rule.split && worth ? 2 : count;
}

// The part of `copy` before buffer offset `end_bytes`, taken off it. REQUIRES: it begins before.
PitchedCopy TakeUntil(PitchedCopy& copy, std::uint64_t end_bytes) {
  PitchedCopy part = copy;
  const std::uint64_t room = end_bytes - copy.device_address;
  if (copy.rows == 1) {
    part.row_bytes = std::min(room, copy.row_bytes);
    part.host_pitch_bytes = part.device_pitch_bytes = part.row_bytes;
    copy.row_bytes -= part.row_bytes;
    copy.host_pitch_bytes = copy.device_pitch_bytes = copy.row_bytes;
    copy.host_address += part.row_bytes;
    copy.device_address += part.row_bytes;
    return part;
  }
  part.rows = std::min(copy.rows, room / copy.row_bytes);
  copy.rows -= part.rows;
  copy.host_address += part.rows * copy.host_pitch_bytes;
  copy.device_address += part.rows * copy.device_pitch_bytes;
  if (part.rows == 1) part.host_pitch_bytes = part.device_pitch_bytes = part.row_bytes;
  if (copy.rows == 1) copy.host_pitch_bytes = copy.device_pitch_bytes = copy.row_bytes;
  return part;
}

// Where a chunk ends: in [min, max] rows, at the end of a copy within a quarter chunk of `even`.
std::uint64_t ChunkEnd(const std::vector<PitchedCopy>& copies, std::size_t from,
                       std::uint64_t row_bytes, std::uint64_t begin, std::uint64_t min,
                       std::uint64_t even, std::uint64_t max) {
  const std::uint64_t slack = (even - begin) / 4;
  std::uint64_t best = even;
  std::uint64_t best_distance = slack + 1;
  for (std::size_t i = from; i < copies.size(); ++i) {
    const std::uint64_t bytes = EndBytes(copies[i]);
    const std::uint64_t end = bytes / row_bytes;
    if (end > max || end > even + slack) break;
    const std::uint64_t distance = end > even ? end - even : even - end;
    if (bytes % row_bytes == 0 && end >= min && distance < best_distance) {
      best = end;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace

void CutIntoChunks(const std::vector<PitchedCopy>& copies, const ChunkRule& rule, CopyPlan& plan) {
  const std::uint64_t row_bytes = plan.row_bytes;
  const std::uint64_t rows = plan.staged_block_ids.size();
  const std::uint64_t rows_max = rule.chunk_bytes / row_bytes;
  const std::uint64_t count = ChunkCount(rows, row_bytes, rule);
  plan.chunks.reserve(count);
  plan.staged_copies.reserve(copies.size() + count);
  std::size_t next = 0;
  PitchedCopy left = copies.front();
  std::uint64_t begin = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t after = count - 1 - i;  // chunks
    const std::uint64_t even = begin + (rows - begin + after) / (after + 1);
    const std::uint64_t min = rows - std::min(rows - begin - 1, after * rows_max);
    const std::uint64_t max = std::min(begin + rows_max, rows - after);
    const std::uint64_t end =
        after == 0 ? rows : ChunkEnd(copies, next, row_bytes, begin, min, even, max);
    const auto first_copy = static_cast<std::uint32_t>(plan.staged_copies.size());
    while (next < copies.size() && left.device_address < end * row_bytes) {
      PitchedCopy part = TakeUntil(left, end * row_bytes);
      part.device_address -= begin * row_bytes;
      plan.staged_copies.push_back(part);
      if (left.rows == 0 || left.row_bytes == 0) {
        if (++next < copies.size()) left = copies[next];
      }
    }
    plan.chunks.push_back({static_cast<std::uint32_t>(begin),
                           static_cast<std::uint32_t>(end - begin), first_copy,
                           static_cast<std::uint32_t>(plan.staged_copies.size()) - first_copy});
    begin = end;
  }
}

}  // namespace pega::cuda
