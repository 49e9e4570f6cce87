#include "cuda/device/staging.h"

#include <string>
#include <utility>

namespace pega::cuda {

Result<Staging> Staging::Create(const ContextPtr& context, CUdeviceptr address,
                                std::uint64_t chunk_bytes) {
  Staging staging;
  staging.chunk_bytes_ = chunk_bytes;
  for (StagingBuffer& buffer : staging.buffers_) {
    buffer.address = address;
    address += chunk_bytes;
    for (Event* event : {&buffer.filled, &buffer.emptied}) {
      Result<Event> made = MakeEvent(context);
      if (!made.ok()) return made.status();
      *event = std::move(made).value();
    }
  }
  return staging;
}

Result<StagingMemory> AllocateStaging(const ContextPtr& context, std::uint64_t wanted_bytes,
                                      std::uint64_t least_bytes) {
  Status failure(Code::kNoSpace, "no staging memory was asked for");
  for (std::uint64_t bytes = wanted_bytes; bytes >= least_bytes && bytes > 0; bytes /= 2) {
    Result<DeviceMemory> memory = AllocateDevice(context, bytes);
    if (memory.ok()) return StagingMemory{std::move(memory).value(), bytes};
    failure = memory.status();
  }
  return Status(Code::kNoSpace, "GPU " + std::to_string(context->ordinal()) + " has no " +
                                    std::to_string(least_bytes >> 20) +
                                    " MiB left for staging copies: " + failure.message());
}

}  // namespace pega::cuda
