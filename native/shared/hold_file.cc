// Finding or making an engine's hold file, and taking the lock on a record of it (PROTOCOL §2).

#include "shared/hold_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "shared/engine_hold.h"
#include "shared/file_bytes.h"
#include "shared/hold_layout.h"
#include "shared/pool_file_names.h"

namespace pega {
namespace {

// A removal takes microseconds; 2 s is for a server that was stopped in the middle of one.
constexpr int kAttempts = 2000;
constexpr std::chrono::milliseconds kPause{1};

// Null: the file went away, or came, in between; try again.
using Attempt = Result<std::shared_ptr<EngineHold>>;
Attempt TryAgain() { return std::shared_ptr<EngineHold>(); }

class TemporaryFile {
 public:
  explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { ::unlink(path_.c_str()); }

 private:
  std::string path_;
};

Status CheckSpec(const HoldSpec& spec) {
  const auto invalid = [](const std::string& what) { return Status(Code::kInvalidArgument, what); };
  if (spec.rank_count == 0 || spec.rank_count > kRanksMax) {
    return invalid("rank_count is " + std::to_string(spec.rank_count) + "; it must be 1 to " +
                   std::to_string(kRanksMax));
  }
  if (spec.record > spec.rank_count) {
    return invalid("record is " + std::to_string(spec.record) + "; the last is " +
                   std::to_string(spec.rank_count));
  }
  if (spec.slab_bytes == 0 || spec.slab_bytes % kPageBytes != 0 ||
      spec.slab_bytes > kSlabBytesMax) {
    return invalid("slab_bytes is " + std::to_string(spec.slab_bytes) +
                   "; it must be a multiple of 4096 up to " + std::to_string(kSlabBytesMax));
  }
  if (spec.ordinal_capacity == 0 || spec.ordinal_capacity > kSlabOrdinalsMax) {
    return invalid("ordinal_capacity is " + std::to_string(spec.ordinal_capacity) +
                   "; it must be 1 to " + std::to_string(kSlabOrdinalsMax));
  }
  return Status::Ok();
}

Status Taken(const HoldSpec& spec, const std::string& by) {
  return Status(Code::kAlreadyExists, "record " + std::to_string(spec.record) +
                                          " of this engine's hold file belongs to " + by +
                                          "; each process of an engine has its own");
}

// REQUIRES: file.LockByte said kForeign.
Attempt AfterConflict(const OnceFile& file, const HoldSpec& spec) {
  Result<std::optional<LockHolder>> holder = FindLockHolder(file.fd(), {spec.record, 1});
  if (!holder.ok()) return holder.status();
  // The whole file: the server is removing it.
  if (!holder.value().has_value() || holder.value()->whole_file) return TryAgain();
  return Taken(spec, "the living process " + std::to_string(holder.value()->pid));
}

Attempt Join(const std::string& path, const HoldSpec& spec) {
  Result<OnceFile> opened = OnceFile::Open(path);
  if (!opened.ok()) return opened.status();
  OnceFile file = std::move(opened).value();
  Result<LockOutcome> lock = file.LockByte(spec.record);
  if (!lock.ok()) return lock.status();
  if (lock.value() == LockOutcome::kOurs) return Taken(spec, "this very process");
  if (lock.value() == LockOutcome::kForeign) return AfterConflict(file, spec);
  auto hold = std::make_shared<EngineHold>(std::move(file), spec);
  if (!hold->IsAt(path)) return TryAgain();  // removed between open and lock
  PEGA_RETURN_IF_ERROR(hold->Attach());
  return hold;
}

Status WriteEmptyFile(int fd, const HoldSpec& spec) {
  HoldFields fields{};
  fields.magic = kHoldMagic;
  fields.layout_version = kSharedLayoutVersion;
  fields.record_count = 1 + spec.rank_count;
  fields.pool_id = spec.pool_id;
  fields.engine_id = spec.engine_id;
  fields.page_count = spec.ordinal_capacity * (spec.slab_bytes / kPageBytes);
  const std::uint64_t bytes = HoldFileBytes(fields.record_count, fields.page_count);
  if (::ftruncate(fd, static_cast<off_t>(bytes)) != 0)
    return Status::Io("ftruncate of a hold file", errno);
  return WriteBytes(fd, 0, &fields, sizeof(fields));
}

Attempt Make(const PoolFolder& folder, const std::string& path, const HoldSpec& spec) {
  std::uint64_t random = 0;
  PEGA_RETURN_IF_ERROR(FillRandom(reinterpret_cast<std::uint8_t*>(&random), sizeof(random)));
  const std::string temporary_path = TemporaryName(path, random);
  Result<ScopedFd> created = folder.CreateFile(temporary_path);
  if (!created.ok()) return created.status();
  const TemporaryFile temporary(temporary_path);
  const Status written = WriteEmptyFile(created.value().get(), spec);
  if (!written.ok()) {
    return Status(written.code(),
                  "the hold file " + path + " cannot be made: " + written.message());
  }
  Result<OnceFile> file = OnceFile::Adopt(std::move(created).value());
  if (!file.ok()) return file.status();
  Result<LockOutcome> lock = file.value().LockByte(spec.record);
  if (!lock.ok()) return lock.status();
  if (lock.value() != LockOutcome::kLocked) return TryAgain();  // a server clears old files away
  auto hold = std::make_shared<EngineHold>(std::move(file).value(), spec);
  PEGA_RETURN_IF_ERROR(hold->Attach());
  if (::link(temporary_path.c_str(), path.c_str()) == 0) return hold;
  if (errno == EEXIST || errno == ENOENT) return TryAgain();  // another was first, or as above
  return Status::Io("link " + path, errno);
}

}  // namespace

Result<std::shared_ptr<HoldFile>> HoldFile::CreateOrJoin(const PoolFolder& folder,
                                                         const HoldSpec& spec) {
  PEGA_RETURN_IF_ERROR(CheckSpec(spec));
  const std::string path = folder.HoldPath(spec.pool_id, spec.engine_id);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (attempt > 1) std::this_thread::sleep_for(kPause);
    Attempt hold = Join(path, spec);
    if (!hold.ok() && hold.status().code() == Code::kNotFound) hold = Make(folder, path, spec);
    if (!hold.ok()) return hold.status();
    if (hold.value() != nullptr) return std::shared_ptr<HoldFile>(std::move(hold).value());
  }
  return Status(Code::kTimeout, path + " is being removed by a server that does not finish");
}

}  // namespace pega
