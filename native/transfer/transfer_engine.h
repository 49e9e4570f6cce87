// TransferEngine: takes jobs, cuts them into pieces, keeps the order that matters, tells the ends.
//
// A load job is cut by groups of layers, in layer order, over all its blocks; each group's end can
// be waited for by itself. A store job is cut into chunks of at most 16 MiB of whole blocks (at
// least one), and so is each group of an asynchronous load. Loads go before stores: while a load is
// waiting no further store chunk is started, but on a device that is duplex. Synchronous loads go
// before asynchronous ones. A failed piece ends its job, and only its job, with that Status, once
// none of its pieces is in flight.
//
// Thread safety: all methods may be called from any thread; none waits for a copy but WaitGroup,
// Drain and the destructor. Callbacks come one at a time for a job, in order, on a thread of the
// device or of a caller (Submit, Drain); they must not block nor call back into the engine. The
// destructor cancels what has not started (kCancelled) and waits for what has.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "transfer/device.h"

namespace pega {

using JobId = std::uint64_t;

struct JobSpec {
  JobKind kind = JobKind::kLoadAsync;
  // Device blocks within the layout, no slot and no loaded block twice; 1 to kBlocksPerJobMax.
  std::vector<BlockCopy> blocks = {};
  // Loads: end layer of each group, rising, the last = layers; empty: one group.
  std::vector<std::uint32_t> group_ends = {};
  // The copies begin behind it (TransferEngine::Mark); empty: at once.
  StreamPointPtr after = {};
  // After each group (loads) or at the end (stores, group 0): job, group, outcome. May be empty.
  std::function<void(JobId, std::uint32_t group, const Status&)> on_group = {};
};

struct JobReport {
  bool done = false;
  std::uint32_t groups_done = 0;
  Status status;  // of a job that is done
};

struct TransferStats {  // bytes of pieces that ended well; jobs that ended, failed ones too
  std::uint64_t load_bytes_total = 0, store_bytes_total = 0;
  std::uint64_t load_jobs_total = 0, store_jobs_total = 0, failed_jobs_total = 0;
  std::uint64_t load_busy_ns_total = 0, store_busy_ns_total = 0;  // time with ≥ 1 piece in flight
  std::uint32_t jobs_now = 0;
};

class TransferEngine {
 public:
  static std::unique_ptr<TransferEngine> Create(std::unique_ptr<Device> device);
  virtual ~TransferEngine() = default;

  // kInvalidArgument names the first block or group that is wrong, kLimit says that
  // kTransferJobsMax jobs run or wait to be forgotten, kCancelled that the engine was drained;
  // nothing is started then.
  virtual Result<JobId> Submit(JobSpec spec) = 0;
  // Blocks until group `group` has ended, at most `timeout`. Ok if that group ended well, else the
  // job's failure, or kTimeout. Here and in Poll: kNotFound if the job is not known or forgotten.
  virtual Status WaitGroup(JobId job, std::uint32_t group, std::chrono::milliseconds timeout) = 0;
  virtual Result<JobReport> Poll(JobId job) = 0;

  // What a stream of the device has been given until now, for JobSpec::after. Here and in HoldStream
  // kUnsupported: a device without streams. `stream`: the device's own handle.
  virtual Result<StreamPointPtr> Mark(std::uint64_t stream) = 0;
  // Makes `stream` go on only when the group's bytes are there. Waits for nothing itself: all of a
  // synchronous load has been given to the device when Submit returns. kInvalidArgument: not of a
  // synchronous load; else why the group can't come: then nothing may be computed upon it.
  virtual Status HoldStream(JobId job, std::uint32_t group, std::uint64_t stream) = 0;
  // Forgets a finished job's report. A job that runs is not cancelled: its report goes at its end.
  virtual void Forget(JobId job) = 0;
  virtual TransferStats stats() const = 0;
  // Starts no further pieces and returns when none is in flight; jobs with pieces left, and later
  // ones, end with kCancelled.
  virtual void Drain() = 0;
};

}  // namespace pega
