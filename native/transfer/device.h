// Device: what the transfer engine drives. Host (this room) and CUDA (native/cuda) implement it.
//
// A device copies pieces of plans between its memory and slots, in the order given for a lane, and
// says when each piece has ended. It decides nothing: lanes, order and chunks are the engine's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/slot_address.h"
#include "base/status.h"
#include "transfer/layout.h"

namespace pega {

enum class JobKind : std::uint8_t { kLoadSync = 0, kLoadAsync = 1, kStore = 2 };

struct BlockCopy {
  std::uint32_t device_block = 0;
  SlotAddress slot;
};

// Layers [first_layer, end_layer) of some blocks, one direction.
struct CopyPiece {
  JobKind kind = JobKind::kLoadSync;
  std::span<const BlockCopy> blocks;  // alive until done
  std::uint32_t first_layer = 0;
  std::uint32_t end_layer = 0;
};

class Device {
 public:
  virtual ~Device() = default;
  virtual const BlockLayout& layout() const = 0;
  // Starts the copy; `done` is called once, from any thread, with the outcome. Never blocks for the
  // copy itself. Pieces of one kind end in the order they were started.
  virtual void Start(const CopyPiece& piece, std::function<void(Status)> done) = 0;
  // Pieces of a kind that may be in flight before the engine waits: bounds what a load can find
  // ahead of it.
  virtual std::uint32_t pieces_in_flight_max(JobKind kind) const = 0;
};

}  // namespace pega
