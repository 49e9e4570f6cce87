// PoolFolder: the folder that holds one pool's files, and the names of those files.
//
//   POOL_DIR/pega-UID/            0700, or 0770 with a group; owned by the server's user, no symlink
//     header                      one file for ever, see pool_header.h; the server's lock is on it
//     marks-POOLID                see mark_file.h
//     hold-POOLID-ENGINEID        see hold_file.h
//     slab-POOLID-ORDINAL-SLABID  here, or in SLAB_DIR/pega-UID/ where slabs lie elsewhere (hugetlbfs)
//
// POOLID, ENGINEID: 32 hex digits; ORDINAL: decimal; SLABID: 16 hex digits. Files are created with
// O_EXCL and mode 0600 (0660 with a group), opened with O_NOFOLLOW. Any server finds a crashed
// server's files by these names. Used by the server (Create) and by engines (Open).
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/scoped_fd.h"
#include "base/status.h"

namespace pega {

using PoolId = std::array<std::uint8_t, kPoolIdBytes>;
using EngineId = std::array<std::uint8_t, kEngineIdBytes>;
using Nonce = std::array<std::uint8_t, kNonceBytes>;

struct FolderOptions {
  std::string pool_dir;  // an existing tmpfs folder, "/dev/shm" by default
  std::string slab_dir;  // empty: slabs lie in pool_dir; else an existing hugetlbfs or tmpfs folder
  std::string group;     // empty: the user alone; else this group may use socket and slabs too
};

class PoolFolder {
 public:
  // Makes pega-UID where it is missing; refuses one that another user owns, that others may enter,
  // or that is a symbolic link. kUnsupported if pool_dir is not a tmpfs, or slab_dir neither tmpfs
  // nor hugetlbfs (tests may pass through allow_any_filesystem).
  static Result<PoolFolder> Create(const FolderOptions& options, bool allow_any_filesystem = false);
  // An engine's view of the folders that Register named: full paths of the pega-UID folders.
  static Result<PoolFolder> Open(const std::string& path, const std::string& slab_path);

  const std::string& path() const { return path_; }            // full path of pega-UID
  const std::string& slab_path() const { return slab_path_; }  // equal to path() by default
  mode_t file_mode() const { return file_mode_; }

  std::string HeaderPath() const;
  std::string MarksPath(const PoolId& pool) const;
  std::string HoldPath(const PoolId& pool, const EngineId& engine) const;
  std::string SlabPath(const PoolId& pool, std::uint32_t ordinal, std::uint64_t slab_id) const;

  // O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC with file_mode, and the group set.
  Result<ScopedFd> CreateFile(const std::string& path) const;
  // O_RDWR | O_NOFOLLOW | O_CLOEXEC. kNotFound; kInvalidArgument if it is no regular file.
  static Result<ScopedFd> OpenFile(const std::string& path);
  // Gives an open file this folder's file_mode and group.
  Status SetAccess(int fd, const std::string& path) const;

  // Full paths of slab, mark and hold files whose pool id is not `keep`: what a new server clears.
  Result<std::vector<std::string>> FilesOfOtherPools(const PoolId& keep) const;

 private:
  std::string path_;
  std::string slab_path_;
  mode_t file_mode_ = 0600;
  gid_t group_id_ = static_cast<gid_t>(-1);
};

std::string ToHex(const std::uint8_t* bytes, std::size_t count);
// Random bytes from the kernel (getrandom).
Status FillRandom(std::uint8_t* bytes, std::size_t count);

}  // namespace pega
