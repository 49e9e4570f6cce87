// Whole-range scatter and gather on a file: preadv and pwritev until everything has moved.
//
// Knows partial transfers, EINTR, IOV_MAX and the kernel's 2 GiB bound; knows nothing of slabs. The
// same on a mapping, for hugetlbfs, which has no write().
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/status.h"

namespace pega {

// kSlabChanged when the file ends before the range does, or has lost its memory.
Status ReadRange(int fd, const std::string& path, std::uint64_t offset_bytes,
                 std::span<const iovec> target);
Status WriteRange(int fd, const std::string& path, std::uint64_t offset_bytes,
                  std::span<const iovec> source);

void CopyFromMemory(const std::byte* memory, std::span<const iovec> target);
void CopyToMemory(std::byte* memory, std::span<const iovec> source);

// The sum, or nothing if it overflows.
bool TotalBytes(std::span<const iovec> parts, std::uint64_t& total);

}  // namespace pega
