// What the opaque handles of pega.h are. Private to native/c.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "c/pega.h"
#include "cuda/device/cuda_device.h"
#include "shared/engine_memory.h"
#include "transfer/transfer_engine.h"

struct pega_memory {
  std::shared_ptr<pega::EngineMemory> engine;
  std::uint64_t slab_bytes = 0;
  std::atomic<std::uint32_t> transfers{0};  // open on it: it must not be closed before them
};

struct pega_transfer {
  pega_memory* memory = nullptr;
  std::unique_ptr<pega::TransferEngine> engine;
  const pega::Device* device = nullptr;          // the engine's
  const pega::cuda::CudaDevice* cuda = nullptr;  // the same, where it is one
};

namespace pega {

inline constexpr char kNullTransfer[] = "transfer is NULL";

}  // namespace pega
