// Operation: one thing that a stream was given. Stream, Event, Context: what the handles name.
// Plain records; guarded by the driver's mutex, but for Work's Garble and Move, which only the
// executor calls, without it.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "cuda/driver/cuda_types.h"
#include "cuda/fake/byte_set.h"

namespace pega::cuda::fake {

class Driver;
struct Machine;
struct Operation;

// What an operation does to bytes. Prepare is called under the mutex, at the begin and again at the
// end: a result other than kSuccess ends the context.
class Work {
 public:
  virtual ~Work() = default;
  virtual CUresult Prepare(Driver& driver, Operation& operation) = 0;
  virtual void Garble() = 0;  // the destination, at the begin
  virtual void Move() = 0;
};

struct Context {
  std::uint64_t id = 0;  // also its handle
  int device = 0;
  int retained = 0;
  CUresult dead = kSuccess;  // the sticky result that ended it
  std::string cause;
};

struct Operation {
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
  enum class State { kQueued, kBegun, kDone };

  std::uint64_t number = 0;  // in the order of all that was enqueued
  std::uint64_t stream = 0;
  std::uint64_t stream_number = 0;  // in the order of its stream, from 1
  std::uint64_t context = 0;
  std::string call;  // the driver's function, or the kernel
  Clock clock;       // what is ordered before it, itself included
  ByteSet reads, writes;
  std::vector<std::shared_ptr<Operation>> after;  // besides its stream's former one
  std::unique_ptr<Work> work;                     // empty: records and waits
  unsigned delay_us = 0;
  CUresult outcome = kSuccess;  // injected
  State state = State::kQueued;
  std::chrono::steady_clock::time_point due, ended;
  // Operations enqueued when the host was told of its end: later ones are ordered behind it.
  std::uint64_t observed_at = kNever;
};
using OperationPtr = std::shared_ptr<Operation>;

struct Stream {
  std::uint64_t id = 0;  // also its handle, but for a context's stream 0
  std::uint64_t context = 0;
  bool legacy = false;
  bool blocking = false;  // ordered with stream 0
  int priority = 0;
  bool held = false;
  unsigned allowance = 0;  // operations that may begin although it is held
  bool destroyed = false;
  std::uint64_t capture = 0;  // the capture it takes part in, 0: none
  std::uint64_t length = 0;   // operations ever given
  Clock clock;
  OperationPtr tail;
  std::deque<OperationPtr> queue;
};
using StreamPtr = std::shared_ptr<Stream>;

struct Event {
  std::uint64_t context = 0;
  bool timing = false;
  OperationPtr record;        // the last
  std::uint64_t capture = 0;  // last recorded in a capture
};

}  // namespace pega::cuda::fake
