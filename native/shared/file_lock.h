// Byte locks of files (fcntl F_SETLK): the proof that a process lives.
//
// POSIX locks belong to the process: the kernel frees them when it dies, and when it closes any
// descriptor of the file. A process neither conflicts with nor sees its own locks. These functions
// only make the calls; once_file.h keeps the descriptors and knows the process's own locks.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "base/status.h"

namespace pega {

struct LockRange {
  std::uint64_t first_byte = 0;
  std::uint64_t bytes = 0;  // 0: to the end of the file, however long it grows
};

inline constexpr LockRange kWholeFile{0, 0};

struct LockHolder {
  pid_t pid = 0;  // 0 or negative when the holder lives in another pid namespace
  bool whole_file = false;
};

// False if another process holds a lock within the range.
Result<bool> TryLock(int fd, LockRange range);
Status Unlock(int fd, LockRange range);
// The first other process with a lock within the range.
Result<std::optional<LockHolder>> FindLockHolder(int fd, LockRange range);

}  // namespace pega
