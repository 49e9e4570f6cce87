// LazyArray<T>: zeroed memory for the largest number of elements there can ever be, reserved at
// once and given by the kernel page by page as it is touched.
//
// So indexes never rehash or move, which would stop the event loop, and a small working set costs
// little. T must be fine as zero bytes. Move-only. Not for shared memory.
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "base/status.h"

namespace pega {

template <typename T>
class LazyArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  LazyArray() = default;
  static Result<LazyArray> Of(std::uint64_t count) {
    LazyArray array;
    const std::size_t bytes = count * sizeof(T);
    if (bytes == 0) return array;
    void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) {
      if (errno != ENOMEM) return Status::Io("mmap of an index", errno);
      return Status(Code::kNoSpace, "an index needs " + std::to_string(bytes) +
                                        " bytes of address space, which the system refuses");
    }
    array.elements_ = static_cast<T*>(address);
    array.count_ = count;
    return array;
  }
  LazyArray(LazyArray&& other) noexcept
      : elements_(std::exchange(other.elements_, nullptr)),
        count_(std::exchange(other.count_, 0)) {}
  LazyArray& operator=(LazyArray&& other) noexcept {
    std::swap(elements_, other.elements_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~LazyArray() {
    if (elements_ != nullptr) ::munmap(elements_, count_ * sizeof(T));
  }

  T& operator[](std::uint64_t index) { return elements_[index]; }
  const T& operator[](std::uint64_t index) const { return elements_[index]; }
  T* at(std::uint64_t index) { return elements_ + index; }
  const T* at(std::uint64_t index) const { return elements_ + index; }
  std::uint64_t size() const { return count_; }

 private:
  T* elements_ = nullptr;
  std::uint64_t count_ = 0;
};

}  // namespace pega
