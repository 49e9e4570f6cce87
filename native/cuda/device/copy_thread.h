// CopyThread: the native thread of a CUDA device. It gives asynchronous pieces to their lanes, in
// order, as soon as their slabs are registered, sees what has ended, and tells so, oldest first.
//
// It sleeps while nothing is in flight, and most of a long copy's expected time; near its end it
// looks often, so that an end is seen within some 20 µs. Once the context is broken (a sticky error)
// every piece ends with that error. Used by cuda_device.cc alone. Thread safety: any thread; `done`
// and Work are called on this one, without its lock.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/status.h"
#include "cuda/device/stream_points.h"
#include "cuda/driver/handles.h"
#include "shared/slab_file.h"
#include "transfer/device.h"

namespace pega::cuda {

class CopyThread {
 public:
  struct Given {
    Status status = {};
    StreamPoints::PointPtr end = {};  // empty: nothing runs
    std::vector<std::shared_ptr<SlabFile>> slabs = {};
    std::uint32_t id_lists = 0;  // of its lane's
    double expected_seconds = 0;
    bool waits = false;  // not given: later
  };
  class Work {
   public:
    virtual ~Work() = default;
    // Gives a piece to its lane. The context is current.
    virtual Given Give(const CopyPiece& piece) = 0;
    // The oldest piece of this kind that has id lists has ended.
    virtual void GiveBackIds(JobKind kind, std::uint32_t id_lists) = 0;
  };

  static std::unique_ptr<CopyThread> Start(ContextPtr context, Work& work) {
    return std::unique_ptr<CopyThread>(new CopyThread(std::move(context), work));
  }
  ~CopyThread();  // REQUIRES: every piece has ended

  void Queue(const CopyPiece& piece, std::function<void(Status)> done);
  // A piece that the caller has given itself.
  void Follow(JobKind kind, Given given, std::function<void(Status)> done);
  void Wake();  // a slab was registered
  Status broken() const;

 private:
  using Clock = std::chrono::steady_clock;
  using Lock = std::unique_lock<std::mutex>;
  struct Waiting {
    CopyPiece piece;
    std::function<void(Status)> done;
  };
  struct InFlight {
    Given given;
    std::function<void(Status)> done;
    Clock::time_point expected_end;
  };

  CopyThread(ContextPtr context, Work& work);
  void Run();
  bool GiveWaiting(JobKind kind, Lock& lock);
  bool EndOldest(JobKind kind, Lock& lock);
  void EndAfterError(const Given& given, CUresult result);
  void Break(const Status& cause);
  InFlight Expect(JobKind kind, Given given, std::function<void(Status)> done);
  void CorrectExpectations(JobKind kind, Clock::time_point expected_end);
  Clock::duration PauseUntilNextLook() const;
  bool Idle() const;

  const ContextPtr context_;
  Work& work_;
  mutable std::mutex mutex_;  // guards all below but the thread
  std::condition_variable changed_;
  std::array<std::deque<Waiting>, 3> waiting_;     // by JobKind
  std::array<std::deque<InFlight>, 3> in_flight_;  // by JobKind, oldest first
  std::array<Clock::time_point, 2> link_free_{};   // loads, stores: when it is expected to be
  std::uint64_t wakes_ = 1;                        // counts what may let a waiting piece go
  std::array<std::uint64_t, 3> refused_at_{};      // wakes_, when the oldest waiting could not go
  Status broken_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace pega::cuda
