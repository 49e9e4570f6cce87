#include "cuda/device/span_tables.h"

#include <cstring>

namespace pega::cuda {

Result<SpanTables> SpanTables::Create(const ContextPtr& context, std::uint64_t bytes) {
  SpanTables tables;
  tables.context_ = context;
  tables.bytes_ = bytes;
  Result<HostMemory> host = AllocateHost(context, bytes);
  if (!host.ok()) return host.status();
  tables.host_ = std::move(host).value();
  Result<DeviceMemory> device = AllocateDevice(context, bytes);
  if (!device.ok()) return device.status();
  tables.device_ = std::move(device).value();
  return tables;
}

Result<CUdeviceptr> SpanTables::Find(LayerRange layers, std::span<const RowSpan> spans,
                                     const Stream& stream) {
  const auto known = known_.find(layers);
  if (known != known_.end()) return known->second;
  CUdeviceptr table = 0;
  if (bytes_ - used_bytes_ >= spans.size_bytes()) {
    const Result<CUdeviceptr> added = Add(spans, stream);
    if (!added.ok()) return added.status();
    table = added.value();
  } else {
    Result<HostMemory> host = AllocateHost(context_, spans.size_bytes());
    if (!host.ok()) return host.status();
    std::memcpy(host.value().get(), spans.data(), spans.size_bytes());
    table = reinterpret_cast<CUdeviceptr>(host.value().get());
    on_host_.emplace(layers, std::move(host).value());
  }
  known_.emplace(layers, table);
  return table;
}

Result<CUdeviceptr> SpanTables::Add(std::span<const RowSpan> spans, const Stream& stream) {
  auto* const host = static_cast<std::byte*>(host_.get()) + used_bytes_;
  const CUdeviceptr table = device_.get() + used_bytes_;
  std::memcpy(host, spans.data(), spans.size_bytes());
  const DriverApi& api = context_->api();
  PEGA_RETURN_IF_ERROR(
      ToStatus(api, "cuMemcpyHtoDAsync",
               api.MemcpyHtoDAsync(table, host, spans.size_bytes(), stream.get())));
  used_bytes_ += spans.size_bytes();
  return table;
}

}  // namespace pega::cuda
