#include "shared/mapping.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace pega {

Result<Mapping> Mapping::Of(int fd, std::uint64_t bytes, Access access,
                            std::uint64_t offset_bytes) {
  if (bytes == 0) return Status(Code::kInvalidArgument, "mmap of 0 bytes");
  const int protection = access == Access::kRead ? PROT_READ : PROT_READ | PROT_WRITE;
  void* address =
      ::mmap(nullptr, bytes, protection, MAP_SHARED, fd, static_cast<off_t>(offset_bytes));
  if (address == MAP_FAILED) {
    const int error = errno;
    const Status failure = Status::Io("mmap of " + std::to_string(bytes) + " bytes", error);
    return error == ENOMEM ? Status(Code::kNoSpace, failure.message()) : failure;
  }
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
