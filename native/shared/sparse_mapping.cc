#include "shared/sparse_mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace pega {

Result<SparseMapping> SparseMapping::Of(int fd, std::uint64_t bytes) {
  Result<Mapping> mapping = Mapping::Of(fd, bytes, Access::kReadWrite);
  if (!mapping.ok()) return mapping.status();
  SparseMapping sparse;
  sparse.fd_ = fd;
  sparse.mapping_ = std::move(mapping).value();
  sparse.page_bytes_ = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  sparse.page_ready_.resize((bytes + sparse.page_bytes_ - 1) / sparse.page_bytes_);
  return sparse;
}

Status SparseMapping::MakeReady(std::uint64_t offset_bytes, std::uint64_t bytes) {
  const std::uint64_t end = (offset_bytes + bytes + page_bytes_ - 1) / page_bytes_;
  for (std::uint64_t page = offset_bytes / page_bytes_; page < end; ++page) {
    if (page_ready_[page]) continue;
    while (::fallocate(fd_, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(page * page_bytes_),
                       static_cast<off_t>(page_bytes_)) != 0) {
      const int error = errno;
      if (error == EINTR) continue;
      const Status failure = Status::Io("fallocate of shared bookkeeping", error);
      const bool full = error == ENOSPC || error == ENOMEM || error == EDQUOT || error == EFBIG;
      return full ? Status(Code::kNoSpace, failure.message()) : failure;
    }
    page_ready_[page] = true;
  }
  return Status::Ok();
}

Status SparseMapping::MakePrivate(std::uint64_t page) {
  void* const address = mapping_.address() + page * page_bytes_;
  const void* const placed = ::mmap(address, page_bytes_, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (placed == MAP_FAILED) return Status::Io("mmap of a private page", errno);
  page_ready_[page] = true;
  return Status::Ok();
}

}  // namespace pega
