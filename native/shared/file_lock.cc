#include "shared/file_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace pega {
namespace {

struct flock Request(short type, LockRange range) {
  struct flock request{};
  request.l_type = type;
  request.l_whence = SEEK_SET;
  request.l_start = static_cast<off_t>(range.first_byte);
  request.l_len = static_cast<off_t>(range.bytes);
  return request;
}

}  // namespace

Result<bool> TryLock(int fd, LockRange range) {
  struct flock request = Request(F_WRLCK, range);
  while (::fcntl(fd, F_SETLK, &request) != 0) {
    if (errno == EAGAIN || errno == EACCES) return false;
    if (errno != EINTR) return Status::Io("fcntl F_SETLK", errno);
  }
  return true;
}

Status Unlock(int fd, LockRange range) {
  struct flock request = Request(F_UNLCK, range);
  while (::fcntl(fd, F_SETLK, &request) != 0) {
    if (errno != EINTR) return Status::Io("fcntl F_SETLK (unlock)", errno);
  }
  return Status::Ok();
}

Result<std::optional<LockHolder>> FindLockHolder(int fd, LockRange range) {
  struct flock request = Request(F_WRLCK, range);
  while (::fcntl(fd, F_GETLK, &request) != 0) {
    if (errno != EINTR) return Status::Io("fcntl F_GETLK", errno);
  }
  if (request.l_type == F_UNLCK) return std::optional<LockHolder>();
  return std::optional(LockHolder{request.l_pid, request.l_start == 0 && request.l_len == 0});
}

}  // namespace pega
