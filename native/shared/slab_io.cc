#include "shared/slab_io.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "shared/slab_fill.h"

namespace pega {
namespace {

constexpr std::size_t kPartsPerCall = 256;  // ≤ IOV_MAX (1024); 4 KiB of stack

// The parts of a list that have not moved yet.
class Remainder {
 public:
  explicit Remainder(std::span<const iovec> parts) : parts_(parts) { SkipEmpty(); }

  bool empty() const { return parts_.empty(); }
  std::span<const iovec> Next(std::array<iovec, kPartsPerCall>& buffer) const {
    const std::size_t count = std::min(parts_.size(), buffer.size());
    std::copy_n(parts_.begin(), count, buffer.begin());
    buffer[0].iov_base = static_cast<std::byte*>(buffer[0].iov_base) + moved_of_first_;
    buffer[0].iov_len -= moved_of_first_;
    return std::span<const iovec>(buffer).first(count);
  }
  void Advance(std::size_t bytes) {
    while (bytes > 0) {
      const std::size_t step = std::min(bytes, parts_.front().iov_len - moved_of_first_);
      bytes -= step;
      moved_of_first_ += step;
      SkipEmpty();
    }
  }

 private:
  void SkipEmpty() {
    while (!parts_.empty() && parts_.front().iov_len == moved_of_first_) {
      parts_ = parts_.subspan(1);
      moved_of_first_ = 0;
    }
  }

  std::span<const iovec> parts_;
  std::size_t moved_of_first_ = 0;
};

template <typename Call>
Status MoveAll(const char* name, Call call, int fd, const std::string& path,
               std::uint64_t offset_bytes, std::span<const iovec> parts) {
  std::array<iovec, kPartsPerCall> buffer;
  for (Remainder left(parts); !left.empty();) {
    const std::span<const iovec> next = left.Next(buffer);
    const ssize_t moved =
        call(fd, next.data(), static_cast<int>(next.size()), static_cast<off_t>(offset_bytes));
    if (moved < 0 && errno == EINTR) continue;
    // No space where a filled slab has its memory: somebody cut or punched the file.
    if (moved == 0 || (moved < 0 && IsNoSpace(errno))) {
      return Status(Code::kSlabChanged, path + " has no memory at byte " +
                                            std::to_string(offset_bytes) +
                                            ": it was changed from outside");
    }
    if (moved < 0) return Status::Io(std::string(name) + " " + path, errno);
    left.Advance(static_cast<std::size_t>(moved));
    offset_bytes += static_cast<std::uint64_t>(moved);
  }
  return Status::Ok();
}

}  // namespace

Status ReadRange(int fd, const std::string& path, std::uint64_t offset_bytes,
                 std::span<const iovec> target) {
  return MoveAll("preadv", ::preadv, fd, path, offset_bytes, target);
}

Status WriteRange(int fd, const std::string& path, std::uint64_t offset_bytes,
                  std::span<const iovec> source) {
  return MoveAll("pwritev", ::pwritev, fd, path, offset_bytes, source);
}

void CopyFromMemory(const std::byte* memory, std::span<const iovec> target) {
  for (const iovec& part : target) {
    if (part.iov_len != 0) std::memcpy(part.iov_base, memory, part.iov_len);
    memory += part.iov_len;
  }
}

void CopyToMemory(std::byte* memory, std::span<const iovec> source) {
  for (const iovec& part : source) {
    if (part.iov_len != 0) std::memcpy(memory, part.iov_base, part.iov_len);
    memory += part.iov_len;
  }
}

bool TotalBytes(std::span<const iovec> parts, std::uint64_t& total) {
  total = 0;
  for (const iovec& part : parts) {
    if (__builtin_add_overflow(total, part.iov_len, &total)) return false;
  }
  return true;
}

}  // namespace pega
