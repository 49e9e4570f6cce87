// What the driver says of the machine's GPUs, without starting a context on any.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "cuda/driver/driver_api.h"

namespace pega::gauge {

struct GpuFacts {
  int ordinal = 0;           // among those that the driver shows this process
  std::string name;          // "NVIDIA H100 80GB HBM3"
  std::string uuid;          // "GPU-…" as nvidia-smi shows it; empty if the driver can't say
  std::string pci_bus_id;    // "0000:17:00.0": the folder in /sys/bus/pci/devices, in lower case
  std::uint64_t memory_bytes = 0;
  int multiprocessors = 0;
  int capability_major = 0, capability_minor = 0;
};

struct DriverFacts {
  int version = 0;  // of CUDA that the driver supports: 13000 is 13.0
  std::vector<std::string> missing_optional;
  std::vector<GpuFacts> gpus;
};

// kUnsupported: no driver, no GPU, or one too old (DriverApi::Get); kDevice: a call failed.
Result<DriverFacts> ListGpus(const cuda::DriverApi* api = nullptr);

}  // namespace pega::gauge
