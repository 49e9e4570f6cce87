// TempPool: an empty folder in /dev/shm with a pool folder in it, removed with all its files at the
// end.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "gtest/gtest.h"
#include "shared/pool_folder.h"

namespace pega {

class TempFolder {
 public:
  TempFolder() {
    char name[] = "/dev/shm/pega-test-XXXXXX";
    if (::mkdtemp(name) == nullptr) std::abort();
    path_ = name;
  }
  TempFolder(const TempFolder&) = delete;
  ~TempFolder() {
    if (owner_ != ::getpid()) return;  // a forked child leaves the files to its parent
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }
  std::string UserFolder() const { return path_ + "/pega-" + std::to_string(::geteuid()); }

 private:
  std::string path_;
  pid_t owner_ = ::getpid();
};

// The value of a Result that must be there.
template <typename T>
T Must(Result<T> result) {
  if (!result.ok()) {
    ADD_FAILURE() << CodeName(result.status().code()) << " " << result.status().message();
    std::abort();
  }
  return std::move(result).value();
}

class TempPool {
 public:
  TempPool() : folder_(Must(PoolFolder::Create({temp_.path(), "", ""}))) {}
  const PoolFolder& folder() const { return folder_; }
  const std::string& parent() const { return temp_.path(); }

 private:
  TempFolder temp_;
  PoolFolder folder_;
};

inline mode_t ModeOf(const std::string& path) {
  struct stat found{};
  return ::lstat(path.c_str(), &found) == 0 ? found.st_mode & 0777 : 0;
}

inline bool Exists(const std::string& path) {
  struct stat found{};
  return ::lstat(path.c_str(), &found) == 0;
}

inline PoolId SomePool(std::uint8_t byte) {
  PoolId pool;
  pool.fill(byte);
  return pool;
}

inline EngineId SomeEngine(std::uint8_t byte) {
  EngineId engine;
  engine.fill(byte);
  return engine;
}

}  // namespace pega
