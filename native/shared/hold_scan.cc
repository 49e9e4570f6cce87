#include "shared/hold_scan.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>

#include "shared/fence.h"
#include "shared/file_bytes.h"

namespace pega {

Result<std::uint64_t> CountHeldPages(int fd, std::uint64_t begin, std::uint64_t end,
                                     std::uint64_t enough) {
  FullFence();
  std::uint64_t held = 0;
  std::array<std::uint64_t, 2048> words;
  while (begin < end && held < enough) {
    const off_t next = ::lseek(fd, static_cast<off_t>(begin), SEEK_DATA);
    if (next < 0 && errno == ENXIO) break;  // nothing but holes from here on
    if (next < 0) return Status::Io("lseek in a hold file", errno);
    begin = std::max(begin, static_cast<std::uint64_t>(next) / 8 * 8);
    if (begin >= end) break;
    const std::uint64_t bytes = std::min<std::uint64_t>(end - begin, sizeof(words));
    if (!ReadBytes(fd, begin, words.data(), bytes)) {
      return Status(Code::kIo, "a hold file is shorter than its bits");
    }
    for (std::uint64_t i = 0; i < bytes / 8; ++i) {
      held += static_cast<std::uint64_t>(std::popcount(words[i]));
    }
    begin += bytes;
  }
  return held;
}

}  // namespace pega
