#include "shared/hold_view.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <utility>

#include "shared/fence.h"
#include "shared/file_bytes.h"
#include "shared/hold_layout.h"
#include "shared/hold_scan.h"
#include "shared/once_file.h"
#include "shared/pool_header.h"

namespace pega {
namespace {

// Unlinks the file at the path if nobody has a byte of it locked. The lock on the whole file keeps
// joiners out meanwhile; one that opened the file before finds another path after its lock.
Result<bool> RemoveUnlessLocked(OnceFile& file, const std::string& path) {
  Result<bool> locked = file.LockWhole();
  if (!locked.ok() || !locked.value()) return locked;
  Status status;
  if (file.IsAt(path) && ::unlink(path.c_str()) != 0 && errno != ENOENT) {
    status = Status::Io("unlink " + path, errno);
  }
  file.UnlockWhole();
  if (!status.ok()) return status;
  return true;
}

// Reads by pread: an engine that truncates its file must not bring the server down.
class FileHoldView final : public HoldView {
 public:
  FileHoldView(OnceFile file, std::string path, const HoldFields& fields)
      : file_(std::move(file)),
        path_(std::move(path)),
        record_count_(fields.record_count),
        page_count_(fields.page_count) {}

  bool Proves(std::uint32_t record, const Nonce& nonce) const override {
    HoldRecord found{};
    return ReadRecord(record, found) && found.joined != 0 && found.nonce == nonce && Alive(record);
  }
  bool Alive(std::uint32_t record) const override {
    return record < record_count_ && Locked({record, 1});
  }
  bool AnyAlive() const override { return Locked(kWholeFile); }

  std::uint64_t HeldPages() const override;
  bool PageHeld(std::uint64_t page) const override;

  std::uint64_t SlabsReady(std::uint32_t record) const override {
    HoldRecord found{};
    return ReadRecord(record, found) && found.joined != 0 ? found.slabs_ready : 0;
  }
  Result<bool> RemoveIfDead() override { return RemoveUnlessLocked(file_, path_); }

 private:
  // What cannot be asked is taken to live: its memory is not given away.
  bool Locked(LockRange range) const {
    Result<std::optional<LockHolder>> holder = FindLockHolder(file_.fd(), range);
    return !holder.ok() || holder.value().has_value();
  }
  bool ReadRecord(std::uint32_t record, HoldRecord& found) const {
    FullFence();
    return record < record_count_ &&
           ReadBytes(file_.fd(), HoldRecordOffset(record), &found, sizeof(found));
  }

  mutable OnceFile file_;
  const std::string path_;
  const std::uint32_t record_count_;
  const std::uint64_t page_count_;
};

std::uint64_t FileHoldView::HeldPages() const {
  const Result<std::uint64_t> held =
      CountHeldPages(file_.fd(), HoldBitsOffset(record_count_),
                     HoldFileBytes(record_count_, page_count_), page_count_);
  return held.ok() ? held.value() : 0;
}

bool FileHoldView::PageHeld(std::uint64_t page) const {
  if (page >= page_count_) return false;
  FullFence();
  std::uint64_t word = 0;
  // A file cut short says nothing; the page counts as held until the engine is dead.
  if (!ReadBytes(file_.fd(), HoldBitsOffset(record_count_) + page / 64 * 8, &word, sizeof(word))) {
    return true;
  }
  return (word >> (page % 64) & 1) != 0;
}

Status NotThis(const std::string& path, const std::string& why) {
  return Status(Code::kNotSameHost,
                path + " " + why + "; the engine must run on this server's host");
}

}  // namespace

Result<std::unique_ptr<HoldView>> HoldView::Open(const PoolFolder& folder, const PoolId& pool,
                                                 const EngineId& engine, std::uint32_t rank_count,
                                                 std::uint64_t page_count) {
  const std::string path = folder.HoldPath(pool, engine);
  Result<OnceFile> file = OnceFile::Open(path);
  if (!file.ok()) {
    const Code code = file.status().code();
    if (code == Code::kNotFound) return NotThis(path, "does not exist");
    if (code == Code::kInvalidArgument) return NotThis(path, "is no regular file");
    return file.status();
  }
  const int fd = file.value().fd();
  HoldFields fields{};
  struct stat found{};
  if (::fstat(fd, &found) != 0) return Status::Io("fstat " + path, errno);
  if (!ReadBytes(fd, 0, &fields, sizeof(fields)) || fields.magic != kHoldMagic ||
      fields.layout_version != kSharedLayoutVersion) {
    return NotThis(path, "was not written by this version of pega");
  }
  if (fields.pool_id != pool || fields.engine_id != engine) {
    return NotThis(path, "is of another pool or engine");
  }
  if (fields.record_count != 1 + rank_count || fields.page_count != page_count ||
      static_cast<std::uint64_t>(found.st_size) != HoldFileBytes(1 + rank_count, page_count)) {
    return NotThis(path, "has other sizes than were agreed");
  }
  return std::unique_ptr<HoldView>(
      std::make_unique<FileHoldView>(std::move(file).value(), path, fields));
}

Result<bool> RemoveDeadHoldFile(const std::string& path) {
  Result<OnceFile> file = OnceFile::Open(path);
  if (!file.ok()) {
    if (file.status().code() == Code::kNotFound) return true;
    return file.status();
  }
  return RemoveUnlessLocked(file.value(), path);
}

}  // namespace pega
