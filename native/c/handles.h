// What the opaque handles of pega.h are. Private to native/c.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "c/pega.h"
#include "shared/engine_memory.h"
#include "transfer/transfer_engine.h"

struct pega_memory {
  std::shared_ptr<pega::EngineMemory> engine;
  std::atomic<std::uint32_t> transfers{0};  // open on it: it must not be closed before them
};

struct pega_transfer {
  pega_memory* memory = nullptr;
  std::unique_ptr<pega::TransferEngine> engine;
  std::uint64_t slot_bytes = 0;
  std::uint32_t layer_count = 0;
};
