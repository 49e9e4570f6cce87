#include "shared/file_bytes.h"

#include <unistd.h>

#include <cerrno>

#include "shared/slab_fill.h"

namespace pega {

bool ReadBytes(int fd, std::uint64_t offset_bytes, void* target, std::size_t bytes) {
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t got = ::pread(fd, static_cast<std::byte*>(target) + done, bytes - done,
                                static_cast<off_t>(offset_bytes + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    done += static_cast<std::size_t>(got);
  }
  return true;
}

Status WriteBytes(int fd, std::uint64_t offset_bytes, const void* source, std::size_t bytes) {
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t put = ::pwrite(fd, static_cast<const std::byte*>(source) + done, bytes - done,
                                 static_cast<off_t>(offset_bytes + done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      const int error = errno;
      const Status failure = Status::Io("pwrite", error);
      return IsNoSpace(error) ? Status(Code::kNoSpace, failure.message()) : failure;
    }
    done += static_cast<std::size_t>(put);
  }
  return Status::Ok();
}

}  // namespace pega
