#include "transfer/layout.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "base/limits.h"
#include "transfer/segment_overlap.h"

namespace pega {
namespace {

constexpr std::uint64_t kBlocksMax = std::uint64_t{1} << 32;  // block ids are 32 bits

Status Invalid(std::string message) { return Status(Code::kInvalidArgument, std::move(message)); }

std::string Name(std::size_t segment) { return "segment " + std::to_string(segment); }

Status CheckAllocations(const std::vector<Allocation>& allocations) {
  if (allocations.empty()) return Invalid("no allocations: at least one is required");
  for (std::size_t i = 0; i < allocations.size(); ++i) {
    const Allocation& allocation = allocations[i];
    if (allocation.address == 0 || allocation.bytes == 0) {
      return Invalid("allocation " + std::to_string(i) + " has address " +
                     std::to_string(allocation.address) + " and " +
                     std::to_string(allocation.bytes) + " bytes: both must be above 0");
    }
    if (allocation.bytes > std::numeric_limits<std::uint64_t>::max() - allocation.address) {
      return Invalid("allocation " + std::to_string(i) + " passes the end of the address space");
    }
  }
  return Status::Ok();
}

Status CheckLayerOrder(const std::vector<LayerSegment>& segments) {
  if (segments.empty()) return Invalid("no layers: at least one segment is required");
  std::uint32_t in_layer = 0;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::uint32_t layer = segments[i].layer;
    const bool same = i > 0 && layer == segments[i - 1].layer;
    const std::uint64_t next = i == 0 ? 0 : std::uint64_t{segments[i - 1].layer} + 1;
    if (!same && layer != next) {
      return Invalid(Name(i) + " is of layer " + std::to_string(layer) + " where layer " +
                     std::to_string(next) + " must follow: layers are 0, 1, 2 … in order");
    }
    if (layer >= kLayersMax) {
      return Invalid("more than " + std::to_string(kLayersMax) + " layers");
    }
    in_layer = same ? in_layer + 1 : 1;
    if (in_layer > kSegmentsPerLayerMax) {
      return Invalid("layer " + std::to_string(layer) + " has more than " +
                     std::to_string(kSegmentsPerLayerMax) + " segments");
    }
  }
  return Status::Ok();
}

Status CheckSegment(std::size_t index, const LayerSegment& segment,
                    const std::vector<Allocation>& allocations, std::uint64_t block_count) {
  if (segment.allocation >= allocations.size()) {
    return Invalid(Name(index) + " names allocation " + std::to_string(segment.allocation) +
                   " of " + std::to_string(allocations.size()));
  }
  if (segment.bytes == 0) return Invalid(Name(index) + " has 0 bytes");
  if (block_count > 1 && segment.block_stride_bytes < segment.bytes) {
    return Invalid(Name(index) + " overlaps itself: its stride of " +
                   std::to_string(segment.block_stride_bytes) + " bytes is below its " +
                   std::to_string(segment.bytes) + " bytes");
  }
  std::uint64_t end = 0;
  if (__builtin_mul_overflow(block_count - 1, segment.block_stride_bytes, &end) ||
      __builtin_add_overflow(end, segment.offset_bytes, &end) ||
      __builtin_add_overflow(end, segment.bytes, &end)) {
    return Invalid(Name(index) + ": offset + " + std::to_string(block_count) +
                   " blocks × stride passes 2^64");
  }
  const std::uint64_t room = allocations[segment.allocation].bytes;
  if (end > room) {
    return Invalid(Name(index) + " ends at byte " + std::to_string(end) + " of allocation " +
                   std::to_string(segment.allocation) + ", which has " + std::to_string(room));
  }
  return Status::Ok();
}

// Sorted by start, only runs whose whole ranges meet are compared piece by piece.
Status CheckOverlaps(std::span<const BlockLayout::Segment> segments, std::uint64_t block_count) {
  std::vector<std::size_t> order(segments.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return segments[a].device_address < segments[b].device_address;
  });
  const auto run = [&](std::size_t i) {
    const BlockLayout::Segment& segment = segments[i];
    return StridedRun{segment.device_address, std::max(segment.block_stride_bytes, segment.bytes),
                      segment.bytes};
  };
  for (std::size_t i = 0; i < order.size(); ++i) {
    const StridedRun one = run(order[i]);
    const std::uint64_t end = one.start + (block_count - 1) * one.stride + one.bytes;
    for (std::size_t j = i + 1; j < order.size(); ++j) {
      const StridedRun other = run(order[j]);
      if (other.start >= end) break;
      if (SegmentsOverlap(one, other, block_count)) {
        const auto [first, second] = std::minmax(order[i], order[j]);
        return Invalid(Name(first) + " (layer " + std::to_string(segments[first].layer) + ") and " +
                       Name(second) + " (layer " + std::to_string(segments[second].layer) +
                       ") overlap on the device");
      }
    }
  }
  return Status::Ok();
}

}  // namespace

Result<BlockLayout> BlockLayout::Create(std::vector<Allocation> allocations,
                                        std::vector<LayerSegment> segments,
                                        std::uint64_t block_count) {
  if (block_count == 0 || block_count > kBlocksMax) {
    return Invalid(std::to_string(block_count) + " blocks: 1 to 2^32 are possible");
  }
  PEGA_RETURN_IF_ERROR(CheckAllocations(allocations));
  PEGA_RETURN_IF_ERROR(CheckLayerOrder(segments));
  BlockLayout layout;
  layout.block_count_ = block_count;
  layout.layer_count_ = segments.back().layer + 1;
  layout.segments_.reserve(segments.size());
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const LayerSegment& segment = segments[i];
    PEGA_RETURN_IF_ERROR(CheckSegment(i, segment, allocations, block_count));
    layout.segments_.push_back(
        {.layer = segment.layer,
         .device_address = allocations[segment.allocation].address + segment.offset_bytes,
         .block_stride_bytes = segment.block_stride_bytes,
         .bytes = segment.bytes,
         .slot_offset_bytes = layout.slot_bytes_});
    if (__builtin_add_overflow(layout.slot_bytes_, segment.bytes, &layout.slot_bytes_)) {
      return Invalid("the segments of one block pass 2^64 bytes");
    }
  }
  PEGA_RETURN_IF_ERROR(CheckOverlaps(layout.segments_, block_count));
  return layout;
}

std::span<const BlockLayout::Segment> BlockLayout::LayerRange(std::uint32_t first,
                                                              std::uint32_t end) const {
  const auto before = [](const Segment& segment, std::uint32_t layer) {
    return segment.layer < layer;
  };
  const auto from = std::lower_bound(segments_.begin(), segments_.end(), first, before);
  const auto to = std::lower_bound(from, segments_.end(), end, before);
  return {from, to};
}

}  // namespace pega
