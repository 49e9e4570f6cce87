// Counting the bits of a hold file, most of which is a hole.
//
// By pread, which makes no memory for holes as reading a mapping would, and survives a file that
// somebody cut short. The engine's and the server's side both ask.
#pragma once

#include <cstdint>

#include "base/status.h"

namespace pega {

// The bits set in bytes [begin, end) of the file; stops counting once there are `enough`.
// REQUIRES: both are multiples of 8. Moves the descriptor's position.
Result<std::uint64_t> CountHeldPages(int fd, std::uint64_t begin, std::uint64_t end,
                                     std::uint64_t enough);

}  // namespace pega
