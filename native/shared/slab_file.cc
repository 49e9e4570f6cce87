#include "shared/slab_file.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include "base/slot_address.h"
#include "shared/slab_fill.h"
#include "shared/slab_io.h"

namespace pega {
namespace {

class PoolSlab final : public SlabFile {
 public:
  PoolSlab(ScopedFd fd, std::string path, std::uint64_t slab_bytes, SlabRecord record)
      : fd_(std::move(fd)), path_(std::move(path)), slab_bytes_(slab_bytes), record_(record) {}

  // REQUIRES: the file is on hugetlbfs.
  Status MapAll() {
    Result<Mapping> mapping = Mapping::Of(fd_.get(), slab_bytes_, Access::kReadWrite);
    if (!mapping.ok()) return mapping.status();
    mapping_ = std::move(mapping).value();
    return Status::Ok();
  }

  Status Fill(std::uint64_t offset_bytes, std::uint64_t bytes,
              const FillOptions& options) override;
  SlabPages pages() const override {
    if (record_.page_bytes != kPageBytes) return SlabPages::kHugetlb;
    return huge_ ? SlabPages::kHugeShmem : SlabPages::kSmall;
  }
  Status CheckUnchanged() const override;
  Status CheckWhole() const override;
  void Unlink() override;
  Status Read(std::uint64_t offset_bytes, std::span<const iovec> target) const override;
  Status Write(std::uint64_t offset_bytes, std::span<const iovec> source) const override;

  SlabRecord record() const override { return record_; }
  const std::string& path() const override { return path_; }
  int fd() const override { return fd_.get(); }

 private:
  bool PathIsOurs() const {
    struct stat found{};
    return ::lstat(path_.c_str(), &found) == 0 && S_ISREG(found.st_mode) &&
           found.st_ino == record_.inode;
  }
  Status CheckSize() const;
  Status CheckRange(std::uint64_t offset_bytes, std::span<const iovec> parts) const;

  ScopedFd fd_;
  std::string path_;
  std::uint64_t slab_bytes_;
  SlabRecord record_;
  Mapping mapping_;                 // on hugetlbfs only
  std::atomic<bool> huge_ = false;  // written by the thread that fills the begin
};

Status PoolSlab::Fill(std::uint64_t offset_bytes, std::uint64_t bytes,
                      const FillOptions& options) {
  if (bytes == 0 || offset_bytes > slab_bytes_ || bytes > slab_bytes_ - offset_bytes ||
      offset_bytes % record_.page_bytes != 0 || bytes % record_.page_bytes != 0) {
    return Status(Code::kInvalidArgument,
                  "fill of " + std::to_string(bytes) + " bytes at " + std::to_string(offset_bytes) +
                      "; it must be whole pages of " + std::to_string(record_.page_bytes) +
                      " bytes within the slab");
  }
  PEGA_RETURN_IF_ERROR(CheckSize());
  const Result<Filled> filled =
      FillRange(fd_.get(), path_, offset_bytes, bytes, record_.page_bytes, options);
  if (!filled.ok()) {
    PEGA_RETURN_IF_ERROR(CheckSize());  // a file cut short meanwhile looks like missing memory
    return filled.status();
  }
  if (filled.value().huge_bytes != 0) huge_ = true;
  return Status::Ok();
}

Status PoolSlab::CheckSize() const {
  struct stat found{};
  if (::fstat(fd_.get(), &found) != 0) return Status::Io("fstat " + path_, errno);
  if (static_cast<std::uint64_t>(found.st_size) == slab_bytes_) return Status::Ok();
  return Status(Code::kSlabChanged, path_ + " has " + std::to_string(found.st_size) +
                                        " bytes instead of " + std::to_string(slab_bytes_) +
                                        ": it was changed from outside");
}

// A filled slab has memory behind every byte. One that was punched, or cut short and made long
// again, has holes that would read as zeroes: wrong bytes.
Status PoolSlab::CheckWhole() const {
  PEGA_RETURN_IF_ERROR(CheckSize());
  if (record_.page_bytes != kPageBytes) return Status::Ok();  // hugetlbfs counts otherwise
  struct stat found{};
  if (::fstat(fd_.get(), &found) != 0) return Status::Io("fstat " + path_, errno);
  const std::uint64_t memory_bytes = static_cast<std::uint64_t>(found.st_blocks) * 512;
  if (memory_bytes >= slab_bytes_) return Status::Ok();
  return Status(Code::kSlabChanged, path_ + " has " + std::to_string(memory_bytes) + " of " +
                                        std::to_string(slab_bytes_) +
                                        " bytes in memory: holes were made from outside");
}

Status PoolSlab::CheckUnchanged() const {
  PEGA_RETURN_IF_ERROR(CheckWhole());
  if (PathIsOurs()) return Status::Ok();
  return Status(Code::kSlabChanged, path_ + " was removed or replaced from outside");
}

void PoolSlab::Unlink() {
  if (PathIsOurs()) ::unlink(path_.c_str());
}

Status PoolSlab::CheckRange(std::uint64_t offset_bytes, std::span<const iovec> parts) const {
  std::uint64_t total = 0;
  if (!TotalBytes(parts, total) || offset_bytes > slab_bytes_ ||
      total > slab_bytes_ - offset_bytes) {
    return Status(Code::kInvalidArgument, "a copy of " + std::to_string(total) + " bytes at " +
                                              std::to_string(offset_bytes) +
                                              " leaves the slab of " + std::to_string(slab_bytes_));
  }
  return Status::Ok();
}

Status PoolSlab::Read(std::uint64_t offset_bytes, std::span<const iovec> target) const {
  PEGA_RETURN_IF_ERROR(CheckRange(offset_bytes, target));
  if (mapping_.address() == nullptr) {
    PEGA_RETURN_IF_ERROR(ReadRange(fd_.get(), path_, offset_bytes, target));
    return CheckWhole();  // behind the copy: what was whole afterwards was whole before
  }
  PEGA_RETURN_IF_ERROR(CheckSize());
  CopyFromMemory(mapping_.address() + offset_bytes, target);
  return Status::Ok();
}

Status PoolSlab::Write(std::uint64_t offset_bytes, std::span<const iovec> source) const {
  PEGA_RETURN_IF_ERROR(CheckRange(offset_bytes, source));
  PEGA_RETURN_IF_ERROR(CheckSize());
  if (mapping_.address() != nullptr) {
    CopyToMemory(mapping_.address() + offset_bytes, source);
    return Status::Ok();
  }
  PEGA_RETURN_IF_ERROR(WriteRange(fd_.get(), path_, offset_bytes, source));
  return CheckWhole();  // a write to a file cut short makes it longer again, but not whole
}

Result<std::uint64_t> FilePageBytes(int fd, const std::string& path) {
  struct statfs found{};
  if (::fstatfs(fd, &found) != 0) return Status::Io("fstatfs " + path, errno);
  if (found.f_type != HUGETLBFS_MAGIC) return kPageBytes;
  return static_cast<std::uint64_t>(found.f_bsize);
}

// The new file at its size, and its record. The caller unlinks it on failure.
Result<SlabRecord> SizeSlab(int fd, const std::string& path, std::uint64_t slab_bytes,
                            std::uint64_t slab_id) {
  Result<std::uint64_t> page_bytes = FilePageBytes(fd, path);
  if (!page_bytes.ok()) return page_bytes.status();
  if (slab_bytes == 0 || slab_bytes % page_bytes.value() != 0) {
    return Status(Code::kInvalidArgument, "slab_bytes is " + std::to_string(slab_bytes) +
                                              "; it must be a multiple of the page size " +
                                              std::to_string(page_bytes.value()) +
                                              " of the slabs' folder");
  }
  if (::ftruncate(fd, static_cast<off_t>(slab_bytes)) != 0) {
    const int error = errno;
    const Status failure = Status::Io("ftruncate " + path, error);
    return IsNoSpace(error) ? Status(Code::kNoSpace, failure.message()) : failure;
  }
  struct stat found{};
  if (::fstat(fd, &found) != 0) return Status::Io("fstat " + path, errno);
  return SlabRecord{slab_id, found.st_ino, page_bytes.value()};
}

Result<std::unique_ptr<SlabFile>> Finish(ScopedFd fd, const std::string& path,
                                         std::uint64_t slab_bytes, const SlabRecord& record) {
  auto slab = std::make_unique<PoolSlab>(std::move(fd), path, slab_bytes, record);
  if (record.page_bytes != kPageBytes) PEGA_RETURN_IF_ERROR(slab->MapAll());
  return std::unique_ptr<SlabFile>(std::move(slab));
}

}  // namespace

Result<std::unique_ptr<SlabFile>> SlabFile::Create(const PoolFolder& folder, const PoolId& pool,
                                                   std::uint32_t ordinal,
                                                   std::uint64_t slab_bytes) {
  std::uint64_t slab_id = 0;
  while (slab_id == 0) {  // 0 means "none" in the header
    PEGA_RETURN_IF_ERROR(FillRandom(reinterpret_cast<std::uint8_t*>(&slab_id), sizeof(slab_id)));
  }
  const std::string path = folder.SlabPath(pool, ordinal, slab_id);
  Result<ScopedFd> fd = folder.CreateFile(path);
  if (!fd.ok()) return fd.status();
  Result<SlabRecord> record = SizeSlab(fd.value().get(), path, slab_bytes, slab_id);
  Result<std::unique_ptr<SlabFile>> slab =
      record.ok() ? Finish(std::move(fd).value(), path, slab_bytes, record.value())
                  : Result<std::unique_ptr<SlabFile>>(record.status());
  if (!slab.ok()) ::unlink(path.c_str());
  return slab;
}

Result<std::unique_ptr<SlabFile>> SlabFile::Open(const PoolFolder& folder, const PoolId& pool,
                                                 std::uint32_t ordinal, std::uint64_t slab_bytes,
                                                 const SlabRecord& record) {
  const std::string path = folder.SlabPath(pool, ordinal, record.slab_id);
  Result<ScopedFd> fd = PoolFolder::OpenFile(path);
  if (!fd.ok()) {
    const Code code = fd.status().code();
    const bool replaced = code == Code::kNotFound || code == Code::kInvalidArgument;
    return replaced ? Status(Code::kSlabChanged, fd.status().message()) : fd.status();
  }
  struct stat found{};
  if (::fstat(fd.value().get(), &found) != 0) return Status::Io("fstat " + path, errno);
  Result<std::uint64_t> page_bytes = FilePageBytes(fd.value().get(), path);
  if (!page_bytes.ok()) return page_bytes.status();
  if (found.st_ino != record.inode || static_cast<std::uint64_t>(found.st_size) != slab_bytes ||
      page_bytes.value() != record.page_bytes) {
    return Status(Code::kSlabChanged,
                  path + " has inode " + std::to_string(found.st_ino) + " and " +
                      std::to_string(found.st_size) + " bytes; the pool's header says inode " +
                      std::to_string(record.inode) + " and " + std::to_string(slab_bytes));
  }
  return Finish(std::move(fd).value(), path, slab_bytes, record);
}

}  // namespace pega
