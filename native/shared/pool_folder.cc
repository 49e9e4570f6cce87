#include "shared/pool_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "shared/folder_check.h"
#include "shared/pool_file_names.h"

namespace pega {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
struct FreeMemory {
  void operator()(char* text) const { std::free(text); }
};

// Register hands these paths to other processes, whose working folder is another.
Result<std::string> AbsolutePath(const std::string& directory) {
  const std::unique_ptr<char, FreeMemory> path(::realpath(directory.c_str(), nullptr));
  if (path != nullptr) return std::string(path.get());
  if (errno == ENOENT) return Status(Code::kNotFound, "folder " + directory + " does not exist");
  return Status::Io("realpath " + directory, errno);
}

Result<std::string> MakeUserFolder(const std::string& directory, gid_t group,
                                   bool hugetlbfs_allowed, bool allow_any_filesystem) {
  Result<std::string> parent = AbsolutePath(directory);
  if (!parent.ok()) return parent.status();
  if (!allow_any_filesystem) {
    PEGA_RETURN_IF_ERROR(CheckMemoryFilesystem(parent.value(), hugetlbfs_allowed));
  }
  std::string path = parent.value() + "/pega-" + std::to_string(::geteuid());
  PEGA_RETURN_IF_ERROR(MakePrivateFolder(path, group));
  return path;
}

Status AppendFilesOfOtherPools(const std::string& folder, const std::string& keep,
                               std::vector<std::string>& files) {
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(folder.c_str()));
  if (directory == nullptr) return Status::Io("opendir " + folder, errno);
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    const auto pool = PoolIdInFileName(entry->d_name);
    if (pool.has_value() && *pool != keep) files.push_back(folder + "/" + entry->d_name);
    errno = 0;
  }
  return errno == 0 ? Status::Ok() : Status::Io("readdir " + folder, errno);
}

}  // namespace

Result<PoolFolder> PoolFolder::Create(const FolderOptions& options, bool allow_any_filesystem) {
  PoolFolder folder;
  if (!options.group.empty()) {
    Result<gid_t> group = FindGroup(options.group);
    if (!group.ok()) return group.status();
    folder.group_id_ = group.value();
    folder.file_mode_ = 0660;
  }
  Result<std::string> path =
      MakeUserFolder(options.pool_dir, folder.group_id_, false, allow_any_filesystem);
  if (!path.ok()) return path.status();
  folder.path_ = path.value();
  folder.slab_path_ = path.value();
  if (!options.slab_dir.empty()) {
    Result<std::string> slabs =
        MakeUserFolder(options.slab_dir, folder.group_id_, true, allow_any_filesystem);
    if (!slabs.ok()) return slabs.status();
    folder.slab_path_ = slabs.value();
  }
  return folder;
}

Result<PoolFolder> PoolFolder::Open(const std::string& path, const std::string& slab_path) {
  Result<FolderAccess> access = InspectFolder(path);
  if (!access.ok()) return access.status();
  const Result<FolderAccess> slab_access = InspectFolder(slab_path);
  if (!slab_access.ok()) return slab_access.status();
  PoolFolder folder;
  folder.path_ = path;
  folder.slab_path_ = slab_path;
  folder.file_mode_ = access.value().file_mode;
  folder.group_id_ = access.value().group;
  return folder;
}

std::string PoolFolder::HeaderPath() const { return path_ + "/header"; }

std::string PoolFolder::MarksPath(const PoolId& pool) const {
  return path_ + "/" + MarksFileName(pool);
}

std::string PoolFolder::HoldPath(const PoolId& pool, const EngineId& engine) const {
  return path_ + "/" + HoldFileName(pool, engine);
}

std::string PoolFolder::SlabPath(const PoolId& pool, std::uint32_t ordinal,
                                 std::uint64_t slab_id) const {
  return slab_path_ + "/" + SlabFileName(pool, ordinal, slab_id);
}

Result<ScopedFd> PoolFolder::CreateFile(const std::string& path) const {
  ScopedFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) {
    const int error = errno;
    const Status failure = Status::Io("create " + path, error);
    if (error == EEXIST) return Status(Code::kAlreadyExists, failure.message());
    if (error == ENOSPC || error == EDQUOT) return Status(Code::kNoSpace, failure.message());
    return failure;
  }
  const Status status = SetAccess(fd.get(), path);
  if (!status.ok()) {
    ::unlink(path.c_str());
    return status;
  }
  return fd;
}

Status PoolFolder::SetAccess(int fd, const std::string& path) const {
  if (group_id_ != kNoGroup && ::fchown(fd, static_cast<uid_t>(-1), group_id_) != 0) {
    return Status::Io("give " + path + " to group " + std::to_string(group_id_), errno);
  }
  // Not through open's mode: the umask may take bits there.
  if (::fchmod(fd, file_mode_) != 0) return Status::Io("chmod " + path, errno);
  return Status::Ok();
}

Result<ScopedFd> PoolFolder::OpenFile(const std::string& path) {
  ScopedFd fd(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) {
    const int error = errno;
    const Status failure = Status::Io("open " + path, error);
    if (error == ENOENT) return Status(Code::kNotFound, failure.message());
    if (error == ELOOP || error == EISDIR) return Status(Code::kInvalidArgument, failure.message());
    return failure;
  }
  struct stat found{};
  if (::fstat(fd.get(), &found) != 0) return Status::Io("fstat " + path, errno);
  if (!S_ISREG(found.st_mode)) return Status(Code::kInvalidArgument, path + " is no regular file");
  return fd;
}

Result<std::vector<std::string>> PoolFolder::FilesOfOtherPools(const PoolId& keep) const {
  const std::string kept = ToHex(keep.data(), keep.size());
  std::vector<std::string> files;
  PEGA_RETURN_IF_ERROR(AppendFilesOfOtherPools(path_, kept, files));
  if (slab_path_ != path_) PEGA_RETURN_IF_ERROR(AppendFilesOfOtherPools(slab_path_, kept, files));
  std::sort(files.begin(), files.end());
  return files;
}

std::string ToHex(const std::uint8_t* bytes, std::size_t count) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text(2 * count, '0');
  for (std::size_t i = 0; i < count; ++i) {
    text[2 * i] = kDigits[bytes[i] >> 4];
    text[2 * i + 1] = kDigits[bytes[i] & 15];
  }
  return text;
}

Status FillRandom(std::uint8_t* bytes, std::size_t count) {
  std::size_t filled = 0;
  while (filled < count) {
    const ssize_t got = ::getrandom(bytes + filled, count - filled, 0);
    if (got < 0 && errno != EINTR) return Status::Io("getrandom", errno);
    if (got > 0) filled += static_cast<std::size_t>(got);
  }
  return Status::Ok();
}

}  // namespace pega
