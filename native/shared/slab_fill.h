// FillRange: gives a range of a slab file its memory, so that no later access can fail for want of
// it.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace pega {

// fallocate, then MADV_POPULATE_WRITE on a map of that range alone. Existing content stays.
// kNoSpace when memory or space is missing; never SIGBUS. REQUIRES: range within the file, whole
// pages of it.
Status FillRange(int fd, const std::string& path, std::uint64_t offset_bytes, std::uint64_t bytes);

// True for the errors by which the system says that it has no more memory or space.
bool IsNoSpace(int error_number);

}  // namespace pega
