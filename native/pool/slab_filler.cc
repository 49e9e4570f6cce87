#include "pool/slab_filler.h"

#include <algorithm>

namespace pega {

namespace {
constexpr std::uint64_t kPieceBytes = std::uint64_t{16} << 20;
}  // namespace

SlabFiller::SlabFiller(FillPlan plan) : plan_(std::move(plan)) {
  slabs_.reserve(plan_.slabs_total);
}

SlabFiller::~SlabFiller() {
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
  for (SlabInWork& slab : slabs_) {
    if (slab.file) slab.file->Unlink();
  }
}

void SlabFiller::Start() {
  if (!threads_.empty()) return;
  for (std::uint32_t i = 0; i < plan_.threads; ++i) threads_.emplace_back([this] { Work(); });
}

void SlabFiller::Work() {
  Piece piece;
  while (NextPiece(piece)) {
    PieceDone(piece, plan_.fill ? piece.file->Fill(piece.offset_bytes, piece.bytes) : Status::Ok());
  }
}

bool SlabFiller::NextPiece(Piece& piece) {
  const std::lock_guard lock(mutex_);
  if (stop_ || !error_.ok()) return false;
  if (slabs_.empty() || next_offset_bytes_ == plan_.slab_bytes) {
    if (slabs_.size() == plan_.slabs_total) return false;
    const auto ordinal = static_cast<std::uint32_t>(slabs_.size());
    Result<std::unique_ptr<SlabFile>> file =
        SlabFile::Create(plan_.folder, plan_.pool_id, ordinal, plan_.slab_bytes);
    if (!file.ok()) {
      error_ = file.status();
      return false;
    }
    slabs_.push_back({std::move(file).value(), plan_.slab_bytes});
    next_offset_bytes_ = 0;
  }
  piece.file = slabs_.back().file.get();
  piece.ordinal = static_cast<std::uint32_t>(slabs_.size() - 1);
  piece.offset_bytes = next_offset_bytes_;
  piece.bytes =
      plan_.fill ? std::min(kPieceBytes, plan_.slab_bytes - next_offset_bytes_) : plan_.slab_bytes;
  next_offset_bytes_ += piece.bytes;
  return true;
}

void SlabFiller::PieceDone(const Piece& piece, Status status) {
  const std::lock_guard lock(mutex_);
  if (!status.ok()) {
    if (error_.ok()) error_ = std::move(status);
    return;
  }
  filled_bytes_ += piece.bytes;
  SlabInWork& slab = slabs_[piece.ordinal];
  slab.bytes_left -= piece.bytes;
  if (slab.bytes_left == 0) any_finished_ = true;
}

std::vector<std::unique_ptr<SlabFile>> SlabFiller::TakeFinished() {
  std::vector<std::unique_ptr<SlabFile>> finished;
  if (!any_finished_.load(std::memory_order_relaxed)) return finished;
  const std::lock_guard lock(mutex_);
  any_finished_ = false;
  for (; taken_ < slabs_.size() && slabs_[taken_].bytes_left == 0; ++taken_) {
    finished.push_back(std::move(slabs_[taken_].file));
  }
  return finished;
}

FillProgress SlabFiller::progress() const {
  const std::lock_guard lock(mutex_);
  FillProgress progress;
  progress.filled_bytes = filled_bytes_;
  progress.total_bytes = plan_.slab_bytes * plan_.slabs_total;
  progress.slabs_ready = taken_;
  progress.slabs_total = plan_.slabs_total;
  progress.error = error_;
  return progress;
}

}  // namespace pega
