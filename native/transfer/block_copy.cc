#include "transfer/block_copy.h"

#include <sys/uio.h>

#include <memory>
#include <utility>
#include <vector>

namespace pega {
namespace {

// Device ranges of one block in slot order; neighbours in both become one.
void GatherVectors(std::span<const BlockLayout::Segment> segments, std::uint32_t block,
                   std::vector<iovec>& vectors) {
  vectors.clear();
  std::uint64_t end = 0;
  for (const BlockLayout::Segment& segment : segments) {
    const std::uint64_t start = segment.device_address + block * segment.block_stride_bytes;
    if (!vectors.empty() && start == end) {
      vectors.back().iov_len += segment.bytes;
    } else {
      vectors.push_back({.iov_base = reinterpret_cast<void*>(start), .iov_len = segment.bytes});
    }
    end = start + segment.bytes;
  }
}

}  // namespace

Status CopyBlocks(const BlockLayout& layout, SlabSet& slabs, const CopyPiece& piece,
                  std::span<const BlockCopy> blocks) {
  const std::span<const BlockLayout::Segment> segments =
      layout.LayerRange(piece.first_layer, piece.end_layer);
  std::vector<iovec> vectors;
  vectors.reserve(segments.size());
  std::shared_ptr<SlabFile> slab;
  std::uint32_t ordinal = 0;
  for (const BlockCopy& block : blocks) {
    if (!slab || block.slot.slab_ordinal != ordinal) {
      ordinal = block.slot.slab_ordinal;
      Result<std::shared_ptr<SlabFile>> found = slabs.Slab(ordinal);
      if (!found.ok()) return found.status();
      slab = std::move(found).value();
    }
    GatherVectors(segments, block.device_block, vectors);
    const std::uint64_t offset = block.slot.offset_bytes() + segments.front().slot_offset_bytes;
    PEGA_RETURN_IF_ERROR(piece.kind == JobKind::kStore ? slab->Write(offset, vectors)
                                                       : slab->Read(offset, vectors));
  }
  return Status::Ok();
}

}  // namespace pega
