#include "shared/folder_check.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <vector>

#include "base/scoped_fd.h"

namespace pega {
namespace {

constexpr mode_t kPermissionBits = 0777;

std::string Octal(mode_t mode) {
  char text[8];
  std::snprintf(text, sizeof(text), "%04o", mode & kPermissionBits);
  return text;
}

// The folder itself, never what a symbolic link there points to.
Result<ScopedFd> OpenFolder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0) return ScopedFd(fd);
  if (errno == ELOOP || errno == ENOTDIR) {
    return Status(Code::kInvalidArgument,
                  path + " is a symbolic link or no folder; pega requires a real folder there");
  }
  return Status::Io("open folder " + path, errno);
}

Status Widen(int fd, const std::string& path, gid_t group) {
  // The group first: between the two calls nobody new may enter.
  if (::fchown(fd, static_cast<uid_t>(-1), group) != 0) {
    return Status::Io("give " + path + " to group " + std::to_string(group), errno);
  }
  if (::fchmod(fd, 0770) != 0) return Status::Io("chmod 0770 " + path, errno);
  return Status::Ok();
}

Status CheckExisting(int fd, const std::string& path, gid_t group) {
  struct stat found{};
  if (::fstat(fd, &found) != 0) return Status::Io("fstat " + path, errno);
  if (found.st_uid != ::geteuid()) {
    return Status(Code::kInvalidArgument,
                  path + " belongs to user " + std::to_string(found.st_uid) +
                      "; it must belong to user " + std::to_string(::geteuid()));
  }
  const mode_t mode = found.st_mode & kPermissionBits;
  if (mode == 0700) return group == kNoGroup ? Status::Ok() : Widen(fd, path, group);
  if (group != kNoGroup && mode == 0770 && found.st_gid == group) return Status::Ok();
  return Status(Code::kInvalidArgument,
                path + " has mode " + Octal(mode) + " and group " + std::to_string(found.st_gid) +
                    "; it must have mode 0700" +
                    (group == kNoGroup ? "" : ", or 0770 and group " + std::to_string(group)));
}

}  // namespace

Status CheckMemoryFilesystem(const std::string& directory, bool hugetlbfs_allowed) {
  struct statfs found{};
  if (::statfs(directory.c_str(), &found) != 0) return Status::Io("statfs " + directory, errno);
  if (found.f_type == TMPFS_MAGIC) return Status::Ok();
  if (hugetlbfs_allowed && found.f_type == HUGETLBFS_MAGIC) return Status::Ok();
  return Status(Code::kUnsupported, directory + " is not on a tmpfs" +
                                        (hugetlbfs_allowed ? " or hugetlbfs" : "") +
                                        "; the pool's files must lie in memory");
}

Status MakePrivateFolder(const std::string& path, gid_t group) {
  const bool made = ::mkdir(path.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) return Status::Io("mkdir " + path, errno);
  // The umask may have taken bits of the owner's, without which it could not be opened.
  if (made && ::chmod(path.c_str(), 0700) != 0) return Status::Io("chmod " + path, errno);
  Result<ScopedFd> folder = OpenFolder(path);
  if (!folder.ok()) return folder.status();
  return CheckExisting(folder.value().get(), path, group);
}

Result<FolderAccess> InspectFolder(const std::string& path) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) return Status::Io("lstat " + path, errno);
    return Status(Code::kNotSameHost,
                  path + " does not exist here; the server's folder must be visible");
  }
  if (!S_ISDIR(found.st_mode)) {
    return Status(Code::kInvalidArgument,
                  path + " is a symbolic link or no folder; pega requires a real folder there");
  }
  if ((found.st_mode & 0007) != 0) {
    return Status(Code::kInvalidArgument, path + " has mode " + Octal(found.st_mode) +
                                              "; it must be closed to other users (0700 or 0770)");
  }
  FolderAccess access;
  if ((found.st_mode & 0070) != 0) {
    access.file_mode = 0660;
    access.group = found.st_gid;
  }
  return access;
}

Result<gid_t> FindGroup(const std::string& name) {
  std::vector<char> buffer(4096);
  struct group entry{};
  struct group* found = nullptr;
  int error = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  while (error == ERANGE && buffer.size() < (std::size_t{1} << 20)) {
    buffer.resize(2 * buffer.size());
    error = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  }
  if (found == nullptr)
    return Status(Code::kInvalidArgument, "group \"" + name + "\" does not exist");
  return found->gr_gid;
}

}  // namespace pega
