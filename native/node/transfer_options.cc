#include "node/transfer_options.h"

#include <string>

namespace pega::node {
namespace {

constexpr std::uint32_t kSegmentsMax = kLayersMax * kSegmentsPerLayerMax;

// {address, bytes}, or a Uint8Array whose memory it is.
Allocation ReadAllocation(Arguments& read, Napi::Value value) {
  if (value.IsTypedArray()) {
    const std::span<const std::uint8_t> bytes = read.Bytes(value, "allocations[]");
    return {reinterpret_cast<std::uintptr_t>(bytes.data()), bytes.size()};
  }
  const Napi::Object from = read.Object(value, "allocations[]");
  Allocation allocation;
  allocation.address = read.BigU64(read.Field(from, "address"), "address");
  allocation.bytes = read.Integer(read.Field(from, "bytes"), "bytes", 1);
  read.Require(allocation.address != 0, "address", "not 0");
  return allocation;
}

LayerSegment ReadSegment(Arguments& read, Napi::Value value) {
  const Napi::Object from = read.Object(value, "segments[]");
  LayerSegment segment;
  segment.layer = read.U32(read.Field(from, "layer"), "layer", 0, kLayersMax - 1);
  segment.allocation = read.U32(read.Field(from, "allocation"), "allocation");
  segment.offset_bytes = read.Integer(read.Field(from, "offsetBytes"), "offsetBytes");
  segment.block_stride_bytes =
      read.Integer(read.Field(from, "blockStrideBytes"), "blockStrideBytes");
  segment.bytes = read.Integer(read.Field(from, "bytes"), "bytes", 1);
  return segment;
}

JobKind ReadKind(Arguments& read, Napi::Value value) {
  const std::string kind = read.String(value, "kind");
  read.Require(kind == "load-sync" || kind == "load-async" || kind == "store", "kind",
               "'load-sync', 'load-async' or 'store'; found '" + kind + "'");
  if (kind == "load-sync") return JobKind::kLoadSync;
  return kind == "store" ? JobKind::kStore : JobKind::kLoadAsync;
}

}  // namespace

LayoutArguments ReadLayout(Arguments& read, Napi::Object options) {
  LayoutArguments layout;
  const Napi::Value allocations = read.Field(options, "allocations");
  const std::uint32_t allocation_count = read.ArrayLength(allocations, "allocations", kSegmentsMax);
  for (std::uint32_t i = 0; i < allocation_count && read.ok(); ++i) {
    layout.allocations.push_back(ReadAllocation(read, read.Element(allocations, i)));
  }
  const Napi::Value segments = read.Field(options, "segments");
  const std::uint32_t segment_count = read.ArrayLength(segments, "segments", kSegmentsMax);
  for (std::uint32_t i = 0; i < segment_count && read.ok(); ++i) {
    layout.segments.push_back(ReadSegment(read, read.Element(segments, i)));
  }
  layout.block_count = read.Integer(read.Field(options, "blockCount"), "blockCount");
  return layout;
}

JobSpec ReadJob(Arguments& read, const Napi::CallbackInfo& info) {
  JobSpec job;
  job.kind = ReadKind(read, info[0]);
  const std::uint32_t group_count = read.ArrayLength(info[3], "groupEnds", kLayersMax);
  for (std::uint32_t i = 0; i < group_count && read.ok(); ++i) {
    job.group_ends.push_back(read.U32(read.Element(info[3], i), "groupEnds[]", 1, kLayersMax));
  }
  const std::vector<std::uint32_t> blocks = read.U32Array(info[1], "deviceBlocks");
  const std::vector<SlotAddress> slots = read.Slots(info[2], "slots");
  read.Require(blocks.size() <= kBlocksPerJobMax, "deviceBlocks",
               "at most " + std::to_string(kBlocksPerJobMax) + " blocks long");
  read.Require(slots.size() == blocks.size(), "slots",
               "8 bytes for each device block: " + std::to_string(blocks.size() * 8) + "; found " +
                   std::to_string(slots.size() * 8));
  if (!read.ok()) return job;
  job.blocks.resize(blocks.size());
  for (std::size_t i = 0; i < blocks.size(); ++i) job.blocks[i] = {blocks[i], slots[i]};
  return job;
}

}  // namespace pega::node
