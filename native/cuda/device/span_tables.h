// SpanTables: the spans of layer ranges in HBM, where kernels read them over and over.
//
// A range's table is sent once, on the stream of the kernels that read it, and stays. There are few
// ranges: the groups that loads are cut into. Once the memory is full, kernels read further tables
// where they lie on the host, slower but right. Thread safety: none; it belongs to its lane.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>

#include "base/status.h"
#include "cuda/driver/handles.h"
#include "cuda/kernels/copy_rows.h"

namespace pega::cuda {

class SpanTables {
 public:
  using LayerRange = std::pair<std::uint32_t, std::uint32_t>;  // [first, end)

  // bytes: of HBM, and as much pinned on the host. REQUIRES: the context is current; here and below.
  static Result<SpanTables> Create(const ContextPtr& context, std::uint64_t bytes);
  // Of a range, always the same spans for the same range.
  Result<CUdeviceptr> Find(LayerRange layers, std::span<const RowSpan> spans, const Stream& stream);
  std::uint64_t device_bytes() const { return bytes_; }

 private:
  Result<CUdeviceptr> Add(std::span<const RowSpan> spans, const Stream& stream);

  ContextPtr context_;
  HostMemory host_;  // the tables again, at the same offsets
  DeviceMemory device_;
  std::uint64_t bytes_ = 0;
  std::uint64_t used_bytes_ = 0;
  std::map<LayerRange, CUdeviceptr> known_;
  std::map<LayerRange, HostMemory> on_host_;
};

}  // namespace pega::cuda
