// Device: what the transfer engine drives. Host (this room) and CUDA (native/cuda) implement it.
//
// A device copies pieces of plans between its memory and slots, in the order given for a lane, and
// says when each piece has ended. It decides nothing: lanes, order and chunks are the engine's.
//
// Where computation runs on streams, a device can be told to begin behind what a stream was given,
// and can make a stream go on behind a copy, both without a thread that waits.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
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

// A moment in a device's order of work: what a stream had been given then, or the end of a piece.
class StreamPoint {
 public:
  virtual ~StreamPoint() = default;
};
using StreamPointPtr = std::shared_ptr<const StreamPoint>;

// Layers [first_layer, end_layer) of some blocks, one direction.
struct CopyPiece {
  JobKind kind = JobKind::kLoadSync;
  std::span<const BlockCopy> blocks;  // alive until done
  std::uint32_t first_layer = 0;
  std::uint32_t end_layer = 0;
  StreamPointPtr after = {};  // the copy begins behind it; empty: at once
};

class Device {
 public:
  static constexpr std::uint32_t kNoPieceLimit = std::numeric_limits<std::uint32_t>::max();

  virtual ~Device() = default;
  virtual const BlockLayout& layout() const = 0;

  // Starts the copy; `done` is called once, from any thread, with the outcome. Never blocks for the
  // copy itself. Pieces of one kind end in the order they were started. Returns the piece's end
  // where a stream can be made to wait for it (HoldStream): a device with streams does so for
  // synchronous loads, and has given the copy to its streams when Start returns. Else empty.
  virtual StreamPointPtr Start(const CopyPiece& piece, std::function<void(Status)> done) = 0;

  // Pieces of a kind that may be in flight before the engine waits: bounds what a load can find
  // ahead of it. kNoPieceLimit: the engine starts all pieces of a job before Submit returns.
  virtual std::uint32_t pieces_in_flight_max(JobKind kind) const = 0;
  // Stores need not wait for loads: the two directions have ways of their own.
  virtual bool duplex() const { return false; }

  // What `stream` (the device's own handle) has been given until now. kUnsupported: no streams.
  virtual Result<StreamPointPtr> Mark(std::uint64_t /*stream*/) { return NoStreams(); }
  // Makes `stream` go on only behind `point`, which Mark or Start of this device returned.
  virtual Status HoldStream(std::uint64_t /*stream*/, const StreamPoint& /*point*/) {
    return NoStreams();
  }
  // Slabs, from the first on without a gap, that synchronous loads may use now.
  virtual std::uint32_t slabs_ready() const = 0;

 private:
  static Status NoStreams() { return Status(Code::kUnsupported, "this device has no streams"); }
};

}  // namespace pega
