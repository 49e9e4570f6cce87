#include "shared/once_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "shared/pool_folder.h"

namespace pega {
namespace {

using FileKey = std::pair<std::uint64_t, std::uint64_t>;  // device, inode

struct OpenedFile {
  ScopedFd fd;
  std::vector<ScopedFd> spare_fds;  // opened by mistake; closing them would free the locks
  std::uint64_t users = 0;
  pid_t lock_owner = 0;
  std::set<std::uint64_t> locked_bytes;  // of process lock_owner

  // A forked child has its parent's list but none of its locks.
  std::set<std::uint64_t>& OwnLocks() {
    if (lock_owner != ::getpid()) locked_bytes.clear();
    lock_owner = ::getpid();
    return locked_bytes;
  }
};

struct Registry {
  std::mutex mutex;  // also held while a descriptor is closed: nobody may open the file meanwhile
  std::map<FileKey, OpenedFile> files;
};

// Process-wide because fcntl locks are. Never destroyed: its users may live in other statics.
Registry& TheRegistry() {
  static Registry* const registry = std::make_unique<Registry>().release();
  return *registry;
}

FileKey KeyOf(const struct stat& found) { return {found.st_dev, found.st_ino}; }

}  // namespace

Result<OnceFile> OnceFile::Open(const std::string& path) {
  Registry& registry = TheRegistry();
  const std::lock_guard<std::mutex> guard(registry.mutex);
  struct stat found{};
  if (::lstat(path.c_str(), &found) == 0) {
    const auto known = registry.files.find(KeyOf(found));
    if (known != registry.files.end()) {
      ++known->second.users;
      return OnceFile(known->second.fd.get(), found.st_dev, found.st_ino);
    }
  }
  Result<ScopedFd> fd = PoolFolder::OpenFile(path);
  if (!fd.ok()) return fd.status();
  if (::fstat(fd.value().get(), &found) != 0) return Status::Io("fstat " + path, errno);
  OpenedFile& file = registry.files[KeyOf(found)];
  if (file.users++ == 0) {
    file.fd = std::move(fd).value();
  } else {  // the path changed to a file we know, between lstat and open
    file.spare_fds.push_back(std::move(fd).value());
  }
  return OnceFile(file.fd.get(), found.st_dev, found.st_ino);
}

Result<OnceFile> OnceFile::Adopt(ScopedFd fd) {
  struct stat found{};
  if (::fstat(fd.get(), &found) != 0) return Status::Io("fstat", errno);
  Registry& registry = TheRegistry();
  const std::lock_guard<std::mutex> guard(registry.mutex);
  OpenedFile& file = registry.files[KeyOf(found)];
  if (file.users++ == 0) {
    file.fd = std::move(fd);
  } else {
    file.spare_fds.push_back(std::move(fd));
  }
  return OnceFile(file.fd.get(), found.st_dev, found.st_ino);
}

OnceFile::OnceFile(OnceFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), device_(other.device_), inode_(other.inode_) {}

OnceFile& OnceFile::operator=(OnceFile&& other) noexcept {
  if (this != &other) {
    Reset();
    fd_ = std::exchange(other.fd_, -1);
    device_ = other.device_;
    inode_ = other.inode_;
  }
  return *this;
}

OnceFile::~OnceFile() { Reset(); }

void OnceFile::Reset() {
  if (fd_ < 0) return;
  fd_ = -1;
  Registry& registry = TheRegistry();
  const std::lock_guard<std::mutex> guard(registry.mutex);
  const auto file = registry.files.find({device_, inode_});
  if (--file->second.users == 0) registry.files.erase(file);
}

bool OnceFile::IsAt(const std::string& path) const {
  struct stat found{};
  return ::lstat(path.c_str(), &found) == 0 && KeyOf(found) == FileKey{device_, inode_};
}

Result<LockOutcome> OnceFile::LockByte(std::uint64_t byte) {
  Registry& registry = TheRegistry();
  const std::lock_guard<std::mutex> guard(registry.mutex);
  std::set<std::uint64_t>& own = registry.files.find({device_, inode_})->second.OwnLocks();
  if (own.contains(byte)) return LockOutcome::kOurs;
  Result<bool> locked = TryLock(fd_, {byte, 1});
  if (!locked.ok()) return locked.status();
  if (!locked.value()) return LockOutcome::kForeign;
  own.insert(byte);
  return LockOutcome::kLocked;
}

void OnceFile::UnlockByte(std::uint64_t byte) {
  Registry& registry = TheRegistry();
  const std::lock_guard<std::mutex> guard(registry.mutex);
  std::set<std::uint64_t>& own = registry.files.find({device_, inode_})->second.OwnLocks();
  // In a forked child nothing is locked, and nothing is to be freed.
  if (own.erase(byte) != 0) static_cast<void>(Unlock(fd_, {byte, 1}).ok());
}

Result<bool> OnceFile::LockWhole() {
  Registry& registry = TheRegistry();
  const std::lock_guard<std::mutex> guard(registry.mutex);
  if (!registry.files.find({device_, inode_})->second.OwnLocks().empty()) return false;
  return TryLock(fd_, kWholeFile);
}

void OnceFile::UnlockWhole() { static_cast<void>(Unlock(fd_, kWholeFile).ok()); }

}  // namespace pega
