#include "cuda/plan/calibration_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/scoped_fd.h"
#include "shared/file_bytes.h"

namespace pega::cuda {
namespace {

constexpr off_t kFileBytesMax = 16384;

// With all folders above it that are missing.
Status MakeFolder(const std::string& path) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      return Status::Io("mkdir " + part, errno);
    }
    if (end == std::string::npos) return Status::Ok();
  }
}

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && value[0] == '/' ? value : "";
}

}  // namespace

Result<std::string> CalibrationFolder() {
  const std::string cache = FromEnvironment("XDG_CACHE_HOME");
  if (!cache.empty()) return cache + "/pega";
  const std::string home = FromEnvironment("HOME");
  if (!home.empty()) return home + "/.cache/pega";
  return Status(Code::kNotFound, "neither XDG_CACHE_HOME nor HOME names a folder");
}

Result<CostModel> ReadCalibration(const std::string& path, const CalibrationKey& key) {
  const ScopedFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd.valid()) {
    if (errno == ENOENT) return Status(Code::kNotFound, path + " does not exist");
    return Status::Io("open " + path, errno);
  }
  struct stat facts = {};
  if (::fstat(fd.get(), &facts) != 0) return Status::Io("fstat " + path, errno);
  if (!S_ISREG(facts.st_mode) || facts.st_uid != ::geteuid() || facts.st_size > kFileBytesMax) {
    return Status(Code::kInvalidArgument, path + " is not a small file of this user");
  }
  std::string text(static_cast<std::size_t>(facts.st_size), '\0');
  if (!ReadBytes(fd.get(), 0, text.data(), text.size())) {
    return Status(Code::kInvalidArgument, path + " became shorter while it was read");
  }
  Result<CostModel> cost = ParseCalibration(key, text);
  if (cost.ok()) return cost;
  return Status(cost.status().code(), path + ": " + cost.status().message());
}

Status WriteCalibration(const std::string& folder, const CalibrationKey& key,
                        const CostModel& cost) {
  PEGA_RETURN_IF_ERROR(MakeFolder(folder));
  const std::string path = folder + "/" + key.file_name;
  std::string temporary = path + ".XXXXXX";
  const ScopedFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.valid()) return Status::Io("create " + temporary, errno);
  const std::string text = FormatCalibration(key, cost);
  Status status = WriteBytes(fd.get(), 0, text.data(), text.size());
  if (status.ok() && std::rename(temporary.c_str(), path.c_str()) != 0) {
    status = Status::Io("rename to " + path, errno);
  }
  if (!status.ok()) ::unlink(temporary.c_str());
  return status;
}

}  // namespace pega::cuda
