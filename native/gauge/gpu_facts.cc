#include "gauge/gpu_facts.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace pega::gauge {
namespace {

using cuda::DriverApi;
using cuda::ToStatus;

Result<GpuFacts> Describe(const DriverApi& api, int ordinal) {
  GpuFacts facts;
  facts.ordinal = ordinal;
  cuda::CUdevice device = 0;
  std::array<char, 256> text{};
  const int text_bytes = static_cast<int>(text.size()) - 1;  // the last byte stays 0
  PEGA_RETURN_IF_ERROR(ToStatus(api, "cuDeviceGet", api.DeviceGet(&device, ordinal)));
  PEGA_RETURN_IF_ERROR(
      ToStatus(api, "cuDeviceGetName", api.DeviceGetName(text.data(), text_bytes, device)));
  facts.name = text.data();
  text.fill(0);
  PEGA_RETURN_IF_ERROR(
      ToStatus(api, "cuDeviceGetPCIBusId", api.DeviceGetPCIBusId(text.data(), text_bytes, device)));
  facts.pci_bus_id = text.data();
  std::ranges::transform(facts.pci_bus_id, facts.pci_bus_id.begin(), [](char letter) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  });
  std::size_t memory = 0;
  PEGA_RETURN_IF_ERROR(ToStatus(api, "cuDeviceTotalMem", api.DeviceTotalMem(&memory, device)));
  facts.memory_bytes = memory;
  for (const auto& [attribute, value] :
       {std::pair{cuda::kAttributeMultiprocessorCount, &facts.multiprocessors},
        std::pair{cuda::kAttributeComputeCapabilityMajor, &facts.capability_major},
        std::pair{cuda::kAttributeComputeCapabilityMinor, &facts.capability_minor}}) {
    PEGA_RETURN_IF_ERROR(ToStatus(api, "cuDeviceGetAttribute",
                                  api.DeviceGetAttribute(value, attribute, device)));
  }
  cuda::CUuuid uuid{};
  if (api.DeviceGetUuid != nullptr && api.DeviceGetUuid(&uuid, device) == cuda::kSuccess) {
    facts.uuid = cuda::UuidText(uuid);
  }
  return facts;
}

}  // namespace

Result<DriverFacts> ListGpus(const DriverApi* api) {
  if (api == nullptr) {
    Result<const DriverApi*> found = DriverApi::Get();
    if (!found.ok()) return found.status();
    api = found.value();
  }
  DriverFacts facts;
  facts.version = api->version;
  facts.missing_optional = api->missing_optional;
  int count = 0;
  PEGA_RETURN_IF_ERROR(ToStatus(*api, "cuDeviceGetCount", api->DeviceGetCount(&count)));
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    Result<GpuFacts> gpu = Describe(*api, ordinal);
    if (!gpu.ok()) return gpu.status();
    facts.gpus.push_back(std::move(gpu).value());
  }
  return facts;
}

}  // namespace pega::gauge
