#include "transfer/copy_job.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/limits.h"

namespace pega {
namespace {

Status Invalid(std::string message) { return Status(Code::kInvalidArgument, std::move(message)); }

Status CheckGroups(const JobSpec& spec, const BlockLayout& layout) {
  if (spec.group_ends.empty()) return Status::Ok();
  if (spec.kind == JobKind::kStore && spec.group_ends.size() > 1) {
    return Invalid("a store has one group, not " + std::to_string(spec.group_ends.size()));
  }
  std::uint32_t before = 0;
  for (std::size_t i = 0; i < spec.group_ends.size(); ++i) {
    const std::uint32_t end = spec.group_ends[i];
    if (end <= before || end > layout.layer_count()) {
      return Invalid("group " + std::to_string(i) + " ends at layer " + std::to_string(end) +
                     ": it must be above " + std::to_string(before) + " and at most " +
                     std::to_string(layout.layer_count()));
    }
    before = end;
  }
  if (before != layout.layer_count()) {
    return Invalid("the last group, " + std::to_string(spec.group_ends.size() - 1) +
                   ", ends at layer " + std::to_string(before) + " of " +
                   std::to_string(layout.layer_count()));
  }
  return Status::Ok();
}

}  // namespace

Status CopyJob::Check(const JobSpec& spec, const BlockLayout& layout) {
  if (spec.blocks.empty() || spec.blocks.size() > kBlocksPerJobMax) {
    return Invalid(std::to_string(spec.blocks.size()) + " blocks: a job has 1 to " +
                   std::to_string(kBlocksPerJobMax));
  }
  for (std::size_t i = 0; i < spec.blocks.size(); ++i) {
    if (spec.blocks[i].device_block >= layout.block_count()) {
      return Invalid("block " + std::to_string(i) + " is device block " +
                     std::to_string(spec.blocks[i].device_block) + " of " +
                     std::to_string(layout.block_count()));
    }
  }
  return CheckGroups(spec, layout);
}

CopyJob::CopyJob(JobId id, JobSpec spec, const BlockLayout& layout)
    : id_(id), spec_(std::move(spec)), layout_(layout) {
  if (spec_.group_ends.empty()) spec_.group_ends.push_back(layout.layer_count());
  // Neighbours in a slab are one copy, and one long read or write, whatever order they came in.
  const auto before = [](const BlockCopy& a, const BlockCopy& b) {
    return std::pair(a.slot.slab_ordinal, a.slot.page) < std::pair(b.slot.slab_ordinal, b.slot.page);
  };
  if (!std::is_sorted(spec_.blocks.begin(), spec_.blocks.end(), before)) {
    std::sort(spec_.blocks.begin(), spec_.blocks.end(), before);
  }
}

std::uint32_t CopyJob::GroupBegin(std::uint32_t group) const {
  return group == 0 ? 0 : spec_.group_ends[group - 1];
}

std::uint64_t CopyJob::LayerBytes(std::uint32_t first, std::uint32_t end) const {
  const std::span<const BlockLayout::Segment> range = layout_.LayerRange(first, end);
  const BlockLayout::Segment& last = range.back();
  return last.slot_offset_bytes + last.bytes - range.front().slot_offset_bytes;
}

// A synchronous load is what everybody waits for, so it yields to nobody: one piece a group.
std::uint64_t CopyJob::BlocksPerPiece(std::uint32_t group) const {
  if (spec_.kind == JobKind::kLoadSync) return spec_.blocks.size();
  const std::uint64_t bytes = LayerBytes(GroupBegin(group), spec_.group_ends[group]);
  return std::max<std::uint64_t>(1, kChunkBytesMax / bytes);
}

CopyPiece CopyJob::TakeNext() {
  const std::uint64_t left = spec_.blocks.size() - next_block_;
  const std::uint64_t count = std::min(left, BlocksPerPiece(next_group_));
  const CopyPiece piece{.kind = spec_.kind,
                        .blocks = std::span(spec_.blocks).subspan(next_block_, count),
                        .first_layer = GroupBegin(next_group_),
                        .end_layer = spec_.group_ends[next_group_],
                        .after = spec_.after};
  next_block_ += count;
  if (next_block_ == spec_.blocks.size()) {
    next_block_ = 0;
    ++next_group_;
  }
  ++pieces_in_flight_;
  return piece;
}

void CopyJob::EndPiece(const CopyPiece& piece, const Status& status) {
  --pieces_in_flight_;
  if (!status.ok()) {
    if (!piece_failed_) status_ = status;
    piece_failed_ = true;
    next_group_ = group_count();
  }
  if (piece_failed_) return;
  ended_blocks_ += piece.blocks.size();
  if (ended_blocks_ == spec_.blocks.size()) {
    ended_blocks_ = 0;
    ++groups_done_;
  }
}

void CopyJob::Cancel() {
  if (!HasNext()) return;
  next_group_ = group_count();
  status_ = Status(Code::kCancelled, "job " + std::to_string(id_) +
                                         ": the transfer engine was closed before it had started "
                                         "all of it");
}

std::uint64_t CopyJob::PieceBytes(const CopyPiece& piece) const {
  return piece.blocks.size() * LayerBytes(piece.first_layer, piece.end_layer);
}

Status CopyJob::GroupStatus(std::uint32_t group) const {
  return group < groups_done_ ? Status::Ok() : status_;
}

}  // namespace pega
