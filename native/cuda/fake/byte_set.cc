#include "cuda/fake/byte_set.h"

#include <algorithm>

namespace pega::cuda::fake {

ByteSet::ByteSet(std::vector<Range> ranges) : ranges_(std::move(ranges)) {
  if (!ranges_.empty()) Merge();
}

std::uint64_t ByteSet::bytes() const {
  std::uint64_t sum = 0;
  for (const Range& range : ranges_) sum += range.end - range.begin;
  return sum;
}

void ByteSet::AddRows(std::uint64_t begin, std::uint64_t pitch, std::uint64_t bytes,
                      std::uint64_t rows) {
  if (bytes == 0 || rows == 0) return;
  const bool in_order = ranges_.empty() || ranges_.back().end < begin;
  if (rows > 1 && pitch == bytes) {
    bytes *= rows;
    rows = 1;
  }
  for (std::uint64_t row = 0; row < rows; ++row) {
    ranges_.push_back({begin + row * pitch, begin + row * pitch + bytes});
  }
  if (!in_order) Merge();
}

void ByteSet::AddAll(const ByteSet& other) {
  if (other.empty()) return;
  ranges_.insert(ranges_.end(), other.ranges_.begin(), other.ranges_.end());
  Merge();
}

void ByteSet::Merge() {
  std::sort(ranges_.begin(), ranges_.end(),
            [](const Range& a, const Range& b) { return a.begin < b.begin; });
  std::size_t last = 0;
  for (std::size_t i = 1; i < ranges_.size(); ++i) {
    if (ranges_[i].begin <= ranges_[last].end) {
      ranges_[last].end = std::max(ranges_[last].end, ranges_[i].end);
    } else {
      ranges_[++last] = ranges_[i];
    }
  }
  ranges_.resize(last + 1);
}

std::uint64_t ByteSet::Meet(const ByteSet& other) const {
  if (empty() || other.empty()) return 0;
  if (ranges_.back().end <= other.ranges_.front().begin ||
      other.ranges_.back().end <= ranges_.front().begin) {
    return 0;
  }
  auto a = ranges_.begin();
  auto b = other.ranges_.begin();
  while (a != ranges_.end() && b != other.ranges_.end()) {
    if (a->end <= b->begin) {
      ++a;
    } else if (b->end <= a->begin) {
      ++b;
    } else {
      return std::max(a->begin, b->begin);
    }
  }
  return 0;
}

std::uint64_t Clock::At(std::uint64_t stream) const {
  for (const auto& [of, at] : entries_) {
    if (of == stream) return at;
  }
  return 0;
}

void Clock::Advance(std::uint64_t stream, std::uint64_t to) {
  for (auto& [of, at] : entries_) {
    if (of != stream) continue;
    at = std::max(at, to);
    return;
  }
  entries_.emplace_back(stream, to);
}

void Clock::Join(const Clock& other) {
  for (const auto& [stream, at] : other.entries_) Advance(stream, at);
}

}  // namespace pega::cuda::fake
