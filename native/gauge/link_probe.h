// LinkProbe: what the link between host memory and a GPU gives to long copies: the measure that the
// copies of blocks are held against, in the same run.
//
// A long copy is a row of copies of 64 MiB on one stream, out of a slab file registered in pieces of
// 64 MiB: no copy may cross a piece. One single copy out of memory of the driver's own is measured
// beside it, to see that slab files cost nothing.
//
// Thread safety: one thread at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/status.h"
#include "cuda/driver/handles.h"
#include "gauge/copy_bed.h"
#include "gauge/own_slabs.h"

namespace pega::gauge {

struct LinkOptions {
  OwnSlabsOptions slabs;
  std::uint64_t bytes = std::uint64_t{512} << 20;  // of memory; whole pieces are used
  std::uint32_t passes = 2;                        // over it, of one measurement
};

class LinkProbe {
 public:
  static Result<std::unique_ptr<LinkProbe>> Make(cuda::ContextPtr context,
                                                 const LinkOptions& options,
                                                 const std::atomic<bool>& cancelled);

  // All in bytes/s, from the first call to the driver until the host sees the end.
  Result<double> Measure(CopyDirection direction);
  // Both directions at once, the sum, over the time until both have ended.
  Result<double> MeasureBoth();
  // One copy out of cuMemHostAlloc memory. kNoSpace where the driver has none.
  Result<double> MeasureOneCopy(CopyDirection direction);

 private:
  struct Part {  // of the memory, that one direction uses
    std::uint32_t first_piece = 0;
    std::uint32_t pieces = 0;
  };
  LinkProbe(cuda::ContextPtr context, const LinkOptions& options)
      : context_(std::move(context)), options_(options) {}
  Status Prepare(const std::atomic<bool>& cancelled);
  Status Enqueue(CopyDirection direction, void* host, std::uint64_t offset_bytes,
                 std::uint64_t bytes);
  Status EnqueuePart(CopyDirection direction, Part part);
  Status Synchronize(CopyDirection direction);

  const cuda::ContextPtr context_;
  const LinkOptions options_;
  std::uint64_t piece_bytes_ = 0;
  std::uint32_t pieces_ = 0;
  std::unique_ptr<OwnSlabs> slabs_;
  std::vector<cuda::RegisteredMemory> registered_;
  cuda::DeviceMemory device_;
  cuda::HostMemory host_;  // made when first asked for
  cuda::Stream streams_[2];
};

}  // namespace pega::gauge
