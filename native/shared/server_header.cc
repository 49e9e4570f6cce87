// The server's side of the header: lock, boot, slab table.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "shared/fence.h"
#include "shared/file_bytes.h"
#include "shared/once_file.h"
#include "shared/pool_header.h"
#include "shared/pool_header_layout.h"

namespace pega {
namespace {

constexpr int kAcquireAttempts = 100;
constexpr std::uint64_t kBootNumberEnd = std::uint64_t{1} << 53;  // JavaScript's whole numbers

class LockedHeader final : public ServerHeader {
 public:
  explicit LockedHeader(OnceFile file) : file_(std::move(file)) {}
  // The descriptor may have other users in this process; the lock is ours.
  ~LockedHeader() override { file_.UnlockByte(0); }

  bool IsAt(const std::string& path) const { return file_.IsAt(path); }
  // Checks the header that is there or makes a new one, and takes all of its space.
  Status Prepare(const PoolFolder& folder);

  Status Begin(std::uint64_t slab_bytes) override;
  void PublishSlab(std::uint32_t ordinal, const SlabRecord& record) override;
  void RetireSlab(std::uint32_t ordinal) override;

  std::uint64_t boot_number() const override { return boot_; }
  const PoolId& pool_id() const override { return pool_id_; }

 private:
  Status WriteBootNumber(std::uint64_t boot);

  OnceFile file_;
  std::uint64_t boot_ = 0;  // 0 before Begin
  PoolId pool_id_{};
  std::uint32_t slab_count_ = 0;
};

std::uint64_t NextBootNumber(std::uint64_t last) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto microseconds = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(now).count());
  // A last number that no server can have written is damage, not time.
  return last + 2 < kBootNumberEnd ? std::max(microseconds, last + 1) : microseconds;
}

Status LockedHeader::Begin(std::uint64_t slab_bytes) {
  HeaderFields fields{};
  if (!ReadBytes(file_.fd(), 0, &fields, sizeof(fields))) {
    return Status(Code::kIo, "the pool's header was truncated");
  }
  PEGA_RETURN_IF_ERROR(FillRandom(pool_id_.data(), pool_id_.size()));
  // An odd number stands there while the rest changes: whoever reads the last boot's number reads
  // its table, and whoever reads the new one's reads the new table.
  const std::uint64_t between = NextBootNumber(std::max(boot_, fields.boot_number)) | 1;
  boot_ = between + 1;
  slab_count_ = 0;
  PEGA_RETURN_IF_ERROR(WriteBootNumber(between));
  fields.boot_number = between;
  std::copy(pool_id_.begin(), pool_id_.end(), fields.pool_id);
  fields.slab_bytes = slab_bytes;
  fields.slab_count = 0;
  fields.server_pid = static_cast<std::uint32_t>(::getpid());
  PEGA_RETURN_IF_ERROR(WriteBytes(file_.fd(), 0, &fields, sizeof(fields)));
  const std::vector<std::byte> empty_table(kHeaderBytes - sizeof(HeaderFields));
  PEGA_RETURN_IF_ERROR(
      WriteBytes(file_.fd(), sizeof(HeaderFields), empty_table.data(), empty_table.size()));
  FullFence();
  return WriteBootNumber(boot_);
}

Status LockedHeader::WriteBootNumber(std::uint64_t boot) {
  const Status written =
      WriteBytes(file_.fd(), offsetof(HeaderFields, boot_number), &boot, sizeof(boot));
  FullFence();
  return written;
}

// Where a write fails below, engines don't learn of the slab, or find its file changed: both are
// misses. It cannot fail for lack of space, which Acquire has taken.
void LockedHeader::PublishSlab(std::uint32_t ordinal, const SlabRecord& record) {
  assert(ordinal < kSlabOrdinalsMax && record.slab_id != 0);
  HeaderSlab slab{0, record.inode, record.page_bytes, 0};
  if (!WriteBytes(file_.fd(), HeaderSlabOffset(ordinal), &slab, sizeof(slab)).ok()) return;
  FullFence();
  const std::uint64_t id = record.slab_id;  // last: with it the record counts
  if (!WriteBytes(file_.fd(), HeaderSlabOffset(ordinal), &id, sizeof(id)).ok()) return;
  FullFence();
  slab_count_ = std::max(slab_count_, ordinal + 1);
  static_cast<void>(
      WriteBytes(file_.fd(), offsetof(HeaderFields, slab_count), &slab_count_, sizeof(slab_count_))
          .ok());
}

void LockedHeader::RetireSlab(std::uint32_t ordinal) {
  assert(ordinal < kSlabOrdinalsMax);
  const std::uint64_t none = 0;
  static_cast<void>(WriteBytes(file_.fd(), HeaderSlabOffset(ordinal), &none, sizeof(none)).ok());
  FullFence();
}

Status BusyStatus(const OnceFile& file, const std::string& path, pid_t pid) {
  HeaderFields fields{};
  // fcntl names no process of another pid namespace; the header's own word is the next best.
  if (pid <= 0 && ReadBytes(file.fd(), 0, &fields, sizeof(fields))) {
    pid = static_cast<pid_t>(fields.server_pid);
  }
  return Status(Code::kPoolBusy, "the pool at " + path + " is in use by the server with pid " +
                                     std::to_string(pid) + "; a pool has one server");
}

Status LockedHeader::Prepare(const PoolFolder& folder) {
  HeaderFields fields{};
  if (ReadBytes(file_.fd(), 0, &fields, sizeof(fields)) && fields.magic != 0) {
    PEGA_RETURN_IF_ERROR(CheckHeaderFields(fields));
  }
  PEGA_RETURN_IF_ERROR(folder.SetAccess(file_.fd(), folder.HeaderPath()));
  if (::fallocate(file_.fd(), 0, 0, kHeaderBytes) != 0) {
    const int error = errno;
    const Status failure = Status::Io("fallocate " + folder.HeaderPath(), error);
    return error == ENOSPC ? Status(Code::kNoSpace, failure.message()) : failure;
  }
  fields.magic = kHeaderMagic;
  fields.layout_version = kSharedLayoutVersion;
  fields.ordinal_capacity = kSlabOrdinalsMax;
  // Everything but the magic first: a header that was not finished has none.
  PEGA_RETURN_IF_ERROR(WriteBytes(file_.fd(), 8, &fields.layout_version, sizeof(fields) - 8));
  return WriteBytes(file_.fd(), 0, &fields.magic, sizeof(fields.magic));
}

Result<OnceFile> OpenOrCreate(const PoolFolder& folder, const std::string& path) {
  Result<ScopedFd> created = folder.CreateFile(path);
  if (created.ok()) return OnceFile::Adopt(std::move(created).value());
  if (created.status().code() != Code::kAlreadyExists) return created.status();
  return OnceFile::Open(path);
}

}  // namespace

Result<std::unique_ptr<ServerHeader>> ServerHeader::Acquire(const PoolFolder& folder) {
  const std::string path = folder.HeaderPath();
  for (int attempt = 0; attempt < kAcquireAttempts; ++attempt) {
    Result<OnceFile> opened = OpenOrCreate(folder, path);
    if (!opened.ok()) {
      if (opened.status().code() == Code::kNotFound) continue;  // removed in between
      return opened.status();
    }
    OnceFile file = std::move(opened).value();
    Result<LockOutcome> lock = file.LockByte(0);
    if (!lock.ok()) return lock.status();
    if (lock.value() == LockOutcome::kOurs) return BusyStatus(file, path, ::getpid());
    if (lock.value() == LockOutcome::kForeign) {
      Result<std::optional<LockHolder>> holder = FindLockHolder(file.fd(), {0, 1});
      if (!holder.ok()) return holder.status();
      if (!holder.value().has_value()) continue;  // freed in between
      return BusyStatus(file, path, holder.value()->pid);
    }
    // From here on the destructor gives the lock back.
    auto header = std::make_unique<LockedHeader>(std::move(file));
    if (!header->IsAt(path)) continue;
    PEGA_RETURN_IF_ERROR(header->Prepare(folder));
    return std::unique_ptr<ServerHeader>(std::move(header));
  }
  return Status(Code::kIo, path + " is being replaced again and again");
}

}  // namespace pega
