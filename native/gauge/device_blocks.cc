#include "gauge/device_blocks.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

#include "gauge/block_pattern.h"
#include "gauge/parallel_parts.h"

namespace pega::gauge {
namespace {

constexpr std::uint64_t kBufferBytes = DeviceBlocks::kSegmentBytesMax;  // at most
constexpr int kClearByte = 0xa5;

}  // namespace

Result<std::unique_ptr<DeviceBlocks>> DeviceBlocks::Allocate(cuda::ContextPtr context,
                                                             std::uint64_t segment_bytes,
                                                             std::uint32_t layers,
                                                             std::uint32_t blocks,
                                                             std::uint32_t threads) {
  const cuda::ScopedContext current(*context);
  PEGA_RETURN_IF_ERROR(current.status());
  std::unique_ptr<DeviceBlocks> made(new DeviceBlocks(context, segment_bytes, blocks, threads));
  for (std::uint32_t layer = 0; layer < layers; ++layer) {
    Result<cuda::DeviceMemory> memory = cuda::AllocateDevice(context, segment_bytes * blocks);
    if (!memory.ok()) return memory.status();
    made->layers_.push_back(std::move(memory).value());
  }
  made->buffer_bytes_ = std::min(kBufferBytes, segment_bytes * blocks);
  Result<cuda::HostMemory> buffer = cuda::AllocateHost(context, made->buffer_bytes_);
  if (!buffer.ok()) return buffer.status();
  made->buffer_ = std::move(buffer).value();
  Result<cuda::Stream> stream = cuda::MakeStream(context, false);
  if (!stream.ok()) return stream.status();
  made->stream_ = std::move(stream).value();
  return made;
}

Result<BlockLayout> DeviceBlocks::Layout() const {
  std::vector<Allocation> allocations;
  std::vector<LayerSegment> segments;
  for (std::uint32_t layer = 0; layer < layers_.size(); ++layer) {
    allocations.push_back({layers_[layer].get(), segment_bytes_ * blocks_});
    segments.push_back({.layer = layer,
                        .allocation = layer,
                        .offset_bytes = 0,
                        .block_stride_bytes = segment_bytes_,
                        .bytes = segment_bytes_});
  }
  return BlockLayout::Create(std::move(allocations), std::move(segments), blocks_);
}

Status DeviceBlocks::ForEachPart(
    BlockRange blocks, const std::function<Status(std::uint32_t, BlockRange)>& visit) {
  const cuda::ScopedContext current(*context_);
  PEGA_RETURN_IF_ERROR(current.status());
  const auto most = static_cast<std::uint32_t>(buffer_bytes_ / segment_bytes_);
  for (std::uint32_t layer = 0; layer < layers_.size(); ++layer) {
    for (std::uint32_t done = 0; done < blocks.count; done += most) {
      const BlockRange part{blocks.first + done, std::min(most, blocks.count - done)};
      PEGA_RETURN_IF_ERROR(visit(layer, part));
      PEGA_RETURN_IF_ERROR(cuda::ToStatus(context_->api(), "cuStreamSynchronize",
                                          context_->api().StreamSynchronize(stream_.get())));
    }
  }
  return Status::Ok();
}

// Copies the same part of the buffer everywhere: a driver may lack cuMemsetD8Async.
Status DeviceBlocks::Clear(BlockRange blocks) {
  const cuda::DriverApi& api = context_->api();
  std::memset(buffer_.get(), kClearByte, buffer_bytes_);
  return ForEachPart(blocks, [&](std::uint32_t layer, BlockRange part) {
    return cuda::ToStatus(api, "cuMemcpyHtoDAsync",
                          api.MemcpyHtoDAsync(Address(layer, part.first), buffer_.get(),
                                              part.count * segment_bytes_, stream_.get()));
  });
}

Status DeviceBlocks::Write(BlockRange blocks, std::uint64_t seed, const KeyOf& key_of) {
  const cuda::DriverApi& api = context_->api();
  return ForEachPart(blocks, [&](std::uint32_t layer, BlockRange part) {
    InParallel(threads_, part.count, [&](std::uint64_t i) {
      const auto index = static_cast<std::uint32_t>(i);
      WritePattern(PatternStart(seed, key_of(part.first + index), layer), InBuffer(index));
    });
    return cuda::ToStatus(api, "cuMemcpyHtoDAsync",
                          api.MemcpyHtoDAsync(Address(layer, part.first), buffer_.get(),
                                              part.count * segment_bytes_, stream_.get()));
  });
}

Result<WrongBytes> DeviceBlocks::Check(BlockRange blocks, std::uint64_t seed,
                                       const KeyOf& key_of) {
  const cuda::DriverApi& api = context_->api();
  WrongBytes wrong;
  std::mutex mutex;  // guards wrong
  const Status read = ForEachPart(blocks, [&](std::uint32_t layer, BlockRange part) {
    PEGA_RETURN_IF_ERROR(cuda::ToStatus(
        api, "cuMemcpyDtoHAsync",
        api.MemcpyDtoHAsync(buffer_.get(), Address(layer, part.first),
                            part.count * segment_bytes_, stream_.get())));
    PEGA_RETURN_IF_ERROR(cuda::ToStatus(api, "cuStreamSynchronize",
                                        api.StreamSynchronize(stream_.get())));
    InParallel(threads_, part.count, [&](std::uint64_t i) {
      const auto index = static_cast<std::uint32_t>(i);
      const std::uint32_t block = part.first + index;
      const auto at = FindWrongWord(PatternStart(seed, key_of(block), layer), InBuffer(index));
      if (!at.has_value()) return;
      const std::lock_guard lock(mutex);
      wrong.Add({1, "device block " + std::to_string(block) + ", layer " + std::to_string(layer) +
                        ", byte " + std::to_string(*at)});
    });
    return Status::Ok();
  });
  if (!read.ok()) return read;
  return wrong;
}

}  // namespace pega::gauge
