// Whole reads and writes of small fields in shared files, by pread and pwrite.
//
// A short file is a value to handle, where a mapping would be a SIGBUS.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"

namespace pega {

// False if not all bytes are there.
bool ReadBytes(int fd, std::uint64_t offset_bytes, void* target, std::size_t bytes);
// kNoSpace when the file's memory cannot be had.
Status WriteBytes(int fd, std::uint64_t offset_bytes, const void* source, std::size_t bytes);

}  // namespace pega
