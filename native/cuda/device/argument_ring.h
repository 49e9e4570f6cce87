// ArgumentRing: what kernels read beside the rows: spans and block ids, in pinned host memory and,
// at the same offset, in HBM.
//
// A piece's arguments are written on the host, sent with one small copy on the stream of its kernels,
// and stay until the piece has ended. Pieces of a lane end in the order they began, so the memory is
// a ring. Thread safety: none; it belongs to its lane.
#pragma once

#include <cstdint>
#include <deque>
#include <span>

#include "base/status.h"
#include "cuda/driver/handles.h"
#include "cuda/kernels/copy_rows.h"

namespace pega::cuda {

class ArgumentRing {
 public:
  // REQUIRES: the context is current on this thread.
  static Result<ArgumentRing> Create(const ContextPtr& context, std::uint64_t bytes);

  struct Arguments {
    CUdeviceptr spans = 0;
    CUdeviceptr block_ids = 0;
  };
  static std::uint64_t BytesFor(std::size_t spans, std::size_t block_ids);
  bool HasRoomFor(std::uint64_t bytes) const;
  std::uint64_t bytes() const { return bytes_; }

  // REQUIRES: HasRoomFor(BytesFor(…)), and that Take's memory is given back once per Put.
  Result<Arguments> Put(std::span<const RowSpan> spans, std::span<const std::uint32_t> block_ids,
                        CUstream stream);
  void GiveBackOldest();

 private:
  std::uint64_t Place(std::uint64_t bytes) const;  // kNowhere if there is no room

  ContextPtr context_;
  HostMemory host_;
  DeviceMemory device_;
  std::uint64_t bytes_ = 0;
  struct Range {
    std::uint64_t begin, end;
  };
  std::deque<Range> in_use_;  // oldest first
};

}  // namespace pega::cuda
