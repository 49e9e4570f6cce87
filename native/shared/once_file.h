// OnceFile: a file that carries fcntl locks, opened once in this process (PROTOCOL §2).
//
// Closing any descriptor of a file frees all of the process's locks on it, and a process does not
// see its own locks. So every opening of such a file goes through here: a registry of this process,
// keyed by device and inode, gives all users one descriptor, closes it with the last of them, and
// remembers which bytes the process itself has locked. A forked child inherits descriptors but no
// locks.
//
// Thread safety: any thread; one OnceFile object belongs to one owner at a time. Move-only.
#pragma once

#include <cstdint>
#include <string>

#include "base/scoped_fd.h"
#include "base/status.h"
#include "shared/file_lock.h"

namespace pega {

enum class LockOutcome : std::uint8_t { kLocked, kOurs, kForeign };

class OnceFile {
 public:
  // Opens the file at the path, or joins it. Errors of PoolFolder::OpenFile.
  static Result<OnceFile> Open(const std::string& path);
  // Takes over a descriptor of a file that this process has just made.
  static Result<OnceFile> Adopt(ScopedFd fd);

  OnceFile() = default;
  OnceFile(OnceFile&& other) noexcept;
  OnceFile& operator=(OnceFile&& other) noexcept;
  ~OnceFile();

  int fd() const { return fd_; }
  // True if the path still names this very file.
  bool IsAt(const std::string& path) const;

  // kOurs: this process locked the byte before. kForeign: another process has it.
  Result<LockOutcome> LockByte(std::uint64_t byte);
  void UnlockByte(std::uint64_t byte);
  // False if anybody, this process included, has a byte locked. Unlock with UnlockWhole.
  Result<bool> LockWhole();
  void UnlockWhole();

 private:
  OnceFile(int fd, std::uint64_t device, std::uint64_t inode)
      : fd_(fd), device_(device), inode_(inode) {}
  void Reset();

  int fd_ = -1;  // the registry owns it
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
};

}  // namespace pega
