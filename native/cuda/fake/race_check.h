// RaceCheck: finds operations of different streams that touch the same bytes, one of them writing,
// and that neither events nor the host's waiting put in an order. Exact: it goes by what is
// ordered, not by when things happened to run.
//
// An operation counts as ordered before all that is enqueued once the host, in whichever thread,
// has been told that it ended. Guarded by the driver's mutex.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "cuda/fake/misuse.h"
#include "cuda/fake/operation.h"

namespace pega::cuda::fake {

class RaceCheck {
 public:
  explicit RaceCheck(Misuse& misuse) : misuse_(misuse) {}
  // All operations that touch memory, in the order they are enqueued.
  void Add(const OperationPtr& operation);
  // A kernel's blocks are known only when it runs.
  void AddAccesses(Operation& operation, const ByteSet& reads, const ByteSet& writes);
  // The host was told that all in `clock` ended; `enqueued`: operations so far in all streams.
  void Observe(const Clock& clock, std::uint64_t enqueued);
  // Lets go what no operation from number `oldest_pending` on can race with.
  void Prune(std::uint64_t oldest_pending);
  void ForgetContext(std::uint64_t context);
  // The bytes go away. An operation that touches them and whose end the host was not told of, or
  // null; those that have not run yet will end their context.
  const Operation* Condemn(std::uint64_t address, std::uint64_t bytes);

 private:
  void Check(const Operation& operation, const ByteSet& reads, const ByteSet& writes);
  void Compare(const Operation& operation, const ByteSet& reads, const ByteSet& writes,
               const Operation& other);
  std::map<std::uint64_t, std::deque<OperationPtr>> of_streams_;
  Misuse& misuse_;
};

// "#12 cuMemcpyHtoDAsync_v2 on stream 3"
std::string Describe(const Operation& operation);
std::string Hex(std::uint64_t value);

}  // namespace pega::cuda::fake
