#include "cuda/fake/race_check.h"

#include <algorithm>
#include <cstdio>

namespace pega::cuda::fake {
namespace {

// Whether a is ordered before b, by events or by the host.
bool IsBefore(const Operation& a, const Operation& b) {
  return b.clock.At(a.stream) >= a.stream_number || a.observed_at < b.number;
}

}  // namespace

std::string Hex(std::uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

std::string Describe(const Operation& operation) {
  return std::string("#") + std::to_string(operation.number) + " " + operation.call +
         " on stream " + std::to_string(operation.stream);
}

void RaceCheck::Add(const OperationPtr& operation) {
  Check(*operation, operation->reads, operation->writes);
  of_streams_[operation->stream].push_back(operation);
}

void RaceCheck::AddAccesses(Operation& operation, const ByteSet& reads, const ByteSet& writes) {
  Check(operation, reads, writes);
  operation.reads.AddAll(reads);
  operation.writes.AddAll(writes);
}

void RaceCheck::Check(const Operation& operation, const ByteSet& reads, const ByteSet& writes) {
  for (const auto& [stream, operations] : of_streams_) {
    if (stream == operation.stream) continue;
    const std::uint64_t ordered = operation.clock.At(stream);
    for (auto other = operations.rbegin();
         other != operations.rend() && (*other)->stream_number > ordered; ++other) {
      Compare(operation, reads, writes, **other);
    }
  }
}

void RaceCheck::Compare(const Operation& operation, const ByteSet& reads, const ByteSet& writes,
                        const Operation& other) {
  if (IsBefore(other, operation) || IsBefore(operation, other)) return;
  std::uint64_t byte = writes.Meet(other.writes);
  if (byte == 0) byte = writes.Meet(other.reads);
  if (byte == 0) byte = reads.Meet(other.writes);
  if (byte == 0) return;
  misuse_.Note("race: " + Describe(other) + " and " + Describe(operation) + " both touch " +
               Hex(byte) + " and nothing orders them");
}

void RaceCheck::Observe(const Clock& clock, std::uint64_t enqueued) {
  for (const auto& [stream, at] : clock.entries()) {
    const auto found = of_streams_.find(stream);
    if (found == of_streams_.end()) continue;
    for (const OperationPtr& operation : found->second) {
      if (operation->stream_number > at) break;
      operation->observed_at = std::min(operation->observed_at, enqueued);
    }
  }
}

void RaceCheck::Prune(std::uint64_t oldest_pending) {
  for (auto of_stream = of_streams_.begin(); of_stream != of_streams_.end();) {
    auto& operations = of_stream->second;
    while (!operations.empty() && operations.front()->observed_at < oldest_pending) {
      operations.pop_front();
    }
    of_stream = operations.empty() ? of_streams_.erase(of_stream) : std::next(of_stream);
  }
}

void RaceCheck::ForgetContext(std::uint64_t context) {
  std::erase_if(of_streams_, [context](const auto& of_stream) {
    return of_stream.second.front()->context == context;
  });
}

const Operation* RaceCheck::Condemn(std::uint64_t address, std::uint64_t bytes) {
  const Operation* first = nullptr;
  ByteSet range;
  range.Add(address, bytes);
  for (const auto& [stream, operations] : of_streams_) {
    for (const OperationPtr& operation : operations) {
      if (operation->observed_at != Operation::kNever) continue;
      if (range.Meet(operation->reads) == 0 && range.Meet(operation->writes) == 0) continue;
      operation->outcome = kErrorIllegalAddress;
      first = operation.get();
    }
  }
  return first;
}

}  // namespace pega::cuda::fake
