// CopyJob: one job of the transfer engine: how it is cut into pieces, and how far it is.
//
// Pieces go group by group of layers, and within a group by blocks. They are taken and ended in
// that order, so two cursors say everything. Private to transfer_engine.cc, which guards it with
// its mutex; knows neither devices nor other jobs.
#pragma once

#include <cstdint>
#include <vector>

#include "transfer/device.h"
#include "transfer/layout.h"
#include "transfer/transfer_engine.h"

namespace pega {

class CopyJob {
 public:
  static Status Check(const JobSpec& spec, const BlockLayout& layout);

  // REQUIRES: Check(spec, layout) is Ok. The layout outlives the job.
  CopyJob(JobId id, JobSpec spec, const BlockLayout& layout);

  JobId id() const { return id_; }
  JobKind kind() const { return spec_.kind; }
  std::uint32_t group_count() const { return static_cast<std::uint32_t>(spec_.group_ends.size()); }

  bool HasNext() const { return next_group_ < group_count(); }  // pieces that were not taken
  CopyPiece TakeNext();
  // Counts the end of the oldest piece that was taken.
  void EndPiece(const CopyPiece& piece, const Status& status);
  void Cancel();  // gives up the pieces that were not taken
  std::uint64_t PieceBytes(const CopyPiece& piece) const;

  std::uint32_t groups_done() const { return groups_done_; }  // that ended well
  bool done() const { return pieces_in_flight_ == 0 && !HasNext(); }
  bool GroupEnded(std::uint32_t group) const { return group < groups_done_ || done(); }
  // REQUIRES: GroupEnded(group).
  Status GroupStatus(std::uint32_t group) const;
  const Status& status() const { return status_; }

  const JobSpec& spec() const { return spec_; }

  // The end of each group's piece, of a synchronous load on a device with streams.
  std::vector<StreamPointPtr> group_points;
  bool forgotten = false;     // its report goes at its end
  bool starting = false;      // a piece is being given to the device
  bool calling_back = false;  // a thread is delivering its callbacks
  std::uint32_t callbacks_delivered = 0;

 private:
  std::uint32_t GroupBegin(std::uint32_t group) const;
  std::uint64_t LayerBytes(std::uint32_t first, std::uint32_t end) const;  // of one block
  std::uint64_t BlocksPerPiece(std::uint32_t group) const;

  const JobId id_;
  JobSpec spec_;
  const BlockLayout& layout_;
  std::uint32_t next_group_ = 0;  // of the next piece to take
  std::uint64_t next_block_ = 0;
  std::uint64_t ended_blocks_ = 0;  // of group groups_done_
  std::uint32_t groups_done_ = 0;
  std::uint32_t pieces_in_flight_ = 0;
  bool piece_failed_ = false;
  Status status_;
};

}  // namespace pega
