// Reading and writing structs of callers that were compiled with another version of pega.h.
//
// Fields are only ever added at the end. What the caller lacks counts as 0; what the caller has and
// we don't know must be 0, else it would ask for something that does not happen.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

#include "base/status.h"

namespace pega {

// REQUIRES: T begins with uint32_t struct_bytes. `least`: its size in the first version.
template <typename T>
Result<T> ReadVersioned(const T* given, std::uint32_t least, const char* name) {
  if (given == nullptr) return Status(Code::kInvalidArgument, std::string(name) + " is NULL");
  std::uint32_t bytes = 0;
  std::memcpy(&bytes, given, sizeof(bytes));
  if (bytes < least || bytes > 4096) {
    return Status(Code::kInvalidArgument, std::string(name) + ".struct_bytes is " +
                                              std::to_string(bytes) + ": set it to sizeof, " +
                                              std::to_string(sizeof(T)) + " here");
  }
  const auto* raw = reinterpret_cast<const unsigned char*>(given);
  for (std::uint32_t i = sizeof(T); i < bytes; ++i) {
    if (raw[i] != 0) {
      return Status(Code::kInvalidArgument, std::string(name) +
                                                " uses a field that this version of libpega does "
                                                "not know");
    }
  }
  T known{};
  std::memcpy(&known, given, std::min<std::size_t>(bytes, sizeof(T)));
  return known;
}

// Fills as much of the caller's struct as it has, but struct_bytes; fields beyond ours become 0.
template <typename T>
Status WriteVersioned(T values, T* target, std::uint32_t least, const char* name) {
  if (target == nullptr) return Status(Code::kInvalidArgument, std::string(name) + " is NULL");
  std::memcpy(&values.struct_bytes, target, sizeof(values.struct_bytes));
  const std::uint32_t bytes = values.struct_bytes;
  if (bytes < least || bytes > 4096) {
    return Status(Code::kInvalidArgument, std::string(name) + ".struct_bytes is " +
                                              std::to_string(bytes) + ": set it to sizeof, " +
                                              std::to_string(sizeof(T)) + " here");
  }
  auto* raw = reinterpret_cast<unsigned char*>(target);
  std::memcpy(raw, &values, std::min<std::size_t>(bytes, sizeof(T)));
  if (bytes > sizeof(T)) std::memset(raw + sizeof(T), 0, bytes - sizeof(T));
  return Status::Ok();
}

}  // namespace pega
