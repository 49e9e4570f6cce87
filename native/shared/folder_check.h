// What a pool folder must be before anything is put into it: a real folder, of the right owner and
// mode, on a file system that lives in memory. Used by PoolFolder alone.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/status.h"

namespace pega {

inline constexpr gid_t kNoGroup = static_cast<gid_t>(-1);

// kUnsupported unless `directory` is on tmpfs, or on hugetlbfs where that is allowed.
Status CheckMemoryFilesystem(const std::string& directory, bool hugetlbfs_allowed);

// Makes `path` for this user (and `group`, unless kNoGroup), or checks the one that is there. A
// folder of mode 0700 is widened when a group is asked for; nothing is ever narrowed silently.
Status MakePrivateFolder(const std::string& path, gid_t group);

struct FolderAccess {
  mode_t file_mode = 0600;
  gid_t group = kNoGroup;
};
// What an engine finds. kNotSameHost if there is no such folder on this host.
Result<FolderAccess> InspectFolder(const std::string& path);

// kInvalidArgument if the group is unknown.
Result<gid_t> FindGroup(const std::string& name);

}  // namespace pega
