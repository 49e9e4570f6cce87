#include "shared/mapping.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/slot_address.h"

namespace pega {
namespace {

Status MapFailure(std::uint64_t bytes, int error) {
  const Status failure = Status::Io("mmap of " + std::to_string(bytes) + " bytes", error);
  return error == ENOMEM ? Status(Code::kNoSpace, failure.message()) : failure;
}

}  // namespace

Result<Mapping> Mapping::Of(int fd, std::uint64_t bytes, Access access,
                            std::uint64_t offset_bytes) {
  if (bytes == 0) return Status(Code::kInvalidArgument, "mmap of 0 bytes");
  const int protection = access == Access::kRead ? PROT_READ : PROT_READ | PROT_WRITE;
  void* address =
      ::mmap(nullptr, bytes, protection, MAP_SHARED, fd, static_cast<off_t>(offset_bytes));
  if (address == MAP_FAILED) return MapFailure(bytes, errno);
  return Keep(address, bytes);
}

Result<Mapping> Mapping::OfSlab(int fd, std::uint64_t bytes, std::uint64_t page_bytes,
                                std::uint64_t offset_bytes) {
  // hugetlbfs chooses a fitting address by itself; less than a huge page can't be one.
  if (page_bytes != kPageBytes || bytes < kHugePageBytes) {
    return Of(fd, bytes, Access::kReadWrite, offset_bytes);
  }
  const std::uint64_t reserved_bytes = RoundUpToPage(bytes) + kHugePageBytes;
  void* const reserved = ::mmap(nullptr, reserved_bytes, PROT_NONE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) return MapFailure(reserved_bytes, errno);
  std::byte* const first = static_cast<std::byte*>(reserved);
  const std::uint64_t before_bytes =
      (offset_bytes - reinterpret_cast<std::uintptr_t>(first)) % kHugePageBytes;
  std::byte* const at = first + before_bytes;
  void* const address = ::mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
                               static_cast<off_t>(offset_bytes));
  if (address == MAP_FAILED) {
    const Status failure = MapFailure(bytes, errno);
    ::munmap(reserved, reserved_bytes);
    return failure;
  }
  if (before_bytes != 0) ::munmap(first, before_bytes);
  const std::uint64_t mapped_bytes = RoundUpToPage(bytes);
  if (before_bytes + mapped_bytes < reserved_bytes) {
    ::munmap(at + mapped_bytes, reserved_bytes - before_bytes - mapped_bytes);
  }
  return Keep(address, bytes);
}

Result<Mapping> Mapping::Keep(void* address, std::uint64_t bytes) {
  Mapping mapping;
  mapping.address_ = static_cast<std::byte*>(address);
  mapping.bytes_ = bytes;
  mapping.owner_ = ::getpid();
  for (const int advice : {MADV_DONTFORK, MADV_DONTDUMP}) {
    if (::madvise(address, bytes, advice) != 0) return Status::Io("madvise", errno);
  }
  return mapping;
}

Mapping::Mapping(Mapping&& other) noexcept
    : address_(std::exchange(other.address_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      owner_(other.owner_) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  if (this != &other) {
    Reset();
    address_ = std::exchange(other.address_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
    owner_ = other.owner_;
  }
  return *this;
}

Mapping::~Mapping() { Reset(); }

void Mapping::Reset() {
  if (address_ != nullptr && owner_ == ::getpid()) ::munmap(address_, bytes_);
  address_ = nullptr;
  bytes_ = 0;
}

}  // namespace pega
