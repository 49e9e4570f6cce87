// Runs jobs on a transfer engine and notes when each part of them was seen to end.
//
// What a repeat needs is made before it (JobRun), so that the timed part allocates nothing of its
// own. Private to this room. Thread safety: one thread at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"
#include "transfer/transfer_engine.h"

namespace pega::gauge {

using Clock = std::chrono::steady_clock;

inline double Seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

// One job: its groups' ends, in order. Bytes of a group: its share of the job's.
class JobRun {
 public:
  // job_bytes: of all layers; layers: of the layout.
  JobRun(JobSpec spec, std::uint64_t job_bytes, std::uint32_t layers);

  Status Submit(TransferEngine& engine);
  // Until the job's last group was seen to end, or its failure. Sleeps.
  Status Wait(TransferEngine& engine);
  // The same, spinning: sees the end as early as can be.
  Status Spin(TransferEngine& engine);

  Clock::time_point submitted() const { return submitted_; }  // just before Submit
  Clock::time_point returned() const { return returned_; }    // of Submit
  Clock::time_point ended() const { return log_->ends.back(); }
  // Bytes that were there at `when`; between two groups' ends, in proportion. `began`: its copies.
  double BytesBy(Clock::time_point when, Clock::time_point began) const;

 private:
  struct Log {  // shared with the callbacks
    std::vector<Clock::time_point> ends;
    std::atomic<bool> over = false;
    Status status;  // written before `over`
  };
  Status Over(TransferEngine& engine);

  JobSpec spec_;
  std::vector<double> group_bytes_;
  std::shared_ptr<Log> log_ = std::make_shared<Log>();
  JobId id_ = 0;
  Clock::time_point submitted_, returned_;
};

// Jobs of one direction, one behind the other.
struct JobRow {
  std::vector<JobRun> jobs;

  Status Submit(TransferEngine& engine);
  // Waits for all that were submitted; the first failure.
  Status Wait(TransferEngine& engine);
  Clock::time_point began() const { return jobs.front().submitted(); }
  Clock::time_point ended() const { return jobs.back().ended(); }
  double BytesBy(Clock::time_point when) const;
};

}  // namespace pega::gauge
