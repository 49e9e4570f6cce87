#include "shared/slab_fill.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>

#include "shared/mapping.h"

namespace pega {
namespace {

Status Failure(const std::string& what, int error) {
  const Status failure = Status::Io(what, error);
  return IsNoSpace(error) ? Status(Code::kNoSpace, failure.message()) : failure;
}

}  // namespace

bool IsNoSpace(int error_number) {
  return error_number == ENOSPC || error_number == ENOMEM || error_number == EDQUOT ||
         error_number == EFBIG;
}

Status FillRange(int fd, const std::string& path, std::uint64_t offset_bytes, std::uint64_t bytes) {
  // KEEP_SIZE: a file truncated from outside must stay short, so that it is found out.
  while (::fallocate(fd, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset_bytes),
                     static_cast<off_t>(bytes)) != 0) {
    if (errno != EINTR) return Failure("fallocate " + path, errno);
  }
  Result<Mapping> mapping = Mapping::Of(fd, bytes, Access::kReadWrite, offset_bytes);
  if (!mapping.ok()) return mapping.status();
  while (::madvise(mapping.value().address(), bytes, MADV_POPULATE_WRITE) != 0) {
    if (errno == EINTR || errno == EAGAIN) continue;
    // A kernel before 5.14: fallocate has taken the memory; the first touch is only slower.
    if (errno == EINVAL) break;
    // Where touching would have been SIGBUS: the range is beyond the end of the file by now, or
    // there is no page for it.
    if (errno == EFAULT) return Status(Code::kNoSpace, "no memory behind a range of " + path);
    return Failure("MADV_POPULATE_WRITE of " + path, errno);
  }
  return Status::Ok();
}

}  // namespace pega
