#include "pool/slab_filler.h"

#include <algorithm>
#include <utility>

#include "shared/numa.h"

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
  RunOnNodes(plan_.options.numa_nodes);
  Piece piece;
  while (NextPiece(piece)) {
    PieceDone(piece, plan_.fill ? piece.file->Fill(piece.offset_bytes, piece.bytes, plan_.options)
                                : Status::Ok());
  }
}

bool SlabFiller::NextPiece(Piece& piece) {
  const std::lock_guard lock(mutex_);
  if (stop_ || !error_.ok()) return false;
  SlabInWork* const slab = NextSlab();
  if (slab == nullptr) return false;
  const std::uint64_t left_bytes = plan_.slab_bytes - slab->next_offset_bytes;
  piece.file = slab->file.get();
  piece.ordinal = static_cast<std::uint32_t>(slab - slabs_.data());
  piece.offset_bytes = slab->next_offset_bytes;
  const std::uint64_t piece_bytes = std::max(kPieceBytes, piece.file->record().page_bytes);
  piece.bytes = plan_.fill ? std::min(piece_bytes, left_bytes) : left_bytes;
  slab->next_offset_bytes += piece.bytes;
  if (slab->next_offset_bytes == plan_.slab_bytes) std::erase(open_, piece.ordinal);
  return true;
}

SlabFiller::SlabInWork* SlabFiller::NextSlab() {
  const std::size_t open_max = slabs_.size() > 1 || open_.empty() ? plan_.slabs_at_once : 1;
  if (open_.size() < open_max && slabs_.size() < plan_.slabs_total) {
    const auto ordinal = static_cast<std::uint32_t>(slabs_.size());
    Result<std::unique_ptr<SlabFile>> file =
        SlabFile::Create(plan_.folder, plan_.pool_id, ordinal, plan_.slab_bytes);
    if (!file.ok()) {
      error_ = file.status();
      return nullptr;
    }
    slabs_.push_back({std::move(file).value(), 0, plan_.slab_bytes});
    open_.push_back(ordinal);
  }
  return open_.empty() ? nullptr : &slabs_[open_[turn_++ % open_.size()]];
}

void SlabFiller::PieceDone(const Piece& piece, Status status) {
  const std::lock_guard lock(mutex_);
  SlabInWork& slab = slabs_[piece.ordinal];
  slab.bytes_left -= piece.bytes;
  // Memory that faults took is counted once more before anybody relies on it.
  if (status.ok() && slab.bytes_left == 0 && plan_.fill) status = slab.file->CheckWhole();
  if (!status.ok()) {
    slab.bytes_left += piece.bytes;
    if (error_.ok()) error_ = std::move(status);
    return;
  }
  filled_bytes_ += piece.bytes;
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
