// ByteSet: address ranges, sorted and merged, and whether two sets meet. Clock: a vector clock over
// streams. Both are plain values of the race check.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace pega::cuda::fake {

class ByteSet {
 public:
  struct Range {
    std::uint64_t begin, end;
  };

  ByteSet() = default;
  explicit ByteSet(std::vector<Range> ranges);
  void Add(std::uint64_t begin, std::uint64_t bytes) { AddRows(begin, bytes, bytes, 1); }
  void AddRows(std::uint64_t begin, std::uint64_t pitch, std::uint64_t bytes, std::uint64_t rows);
  void AddAll(const ByteSet& other);
  // A byte that is in both, or 0.
  std::uint64_t Meet(const ByteSet& other) const;
  bool empty() const { return ranges_.empty(); }
  std::uint64_t bytes() const;

 private:
  void Merge();
  std::vector<Range> ranges_;
};

class Clock {
 public:
  std::uint64_t At(std::uint64_t stream) const;
  void Advance(std::uint64_t stream, std::uint64_t to);
  void Join(const Clock& other);
  const std::vector<std::pair<std::uint64_t, std::uint64_t>>& entries() const { return entries_; }

 private:
  std::vector<std::pair<std::uint64_t, std::uint64_t>> entries_;  // stream, operations of it
};

}  // namespace pega::cuda::fake
