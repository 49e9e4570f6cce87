// FloatBuffer: zeroed floats straight from the kernel, page-aligned. Move-only.
//
// A page costs memory when it is first touched: KV blocks that are never used are free.
// A failed allocation gives an empty buffer.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <utility>

namespace pega {

class FloatBuffer {
 public:
  FloatBuffer() = default;
  explicit FloatBuffer(std::size_t count) {
    if (count == 0 || count > (std::size_t{1} << 46)) return;
    void* address = ::mmap(nullptr, count * sizeof(float), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) return;
    ::madvise(address, count * sizeof(float), MADV_HUGEPAGE);  // fewer TLB misses; may be refused
    floats_ = static_cast<float*>(address);
    count_ = count;
  }
  FloatBuffer(FloatBuffer&& other) noexcept
      : floats_(std::exchange(other.floats_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  FloatBuffer& operator=(FloatBuffer&& other) noexcept {
    std::swap(floats_, other.floats_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~FloatBuffer() {
    if (floats_ != nullptr) ::munmap(floats_, count_ * sizeof(float));
  }

  float* get() const { return floats_; }
  std::size_t size() const { return count_; }
  bool valid() const { return floats_ != nullptr; }
  // Room for at least `count`; what was in it is lost when it grows.
  bool Grow(std::size_t count) {
    if (count > count_) *this = FloatBuffer(count);
    return valid();
  }

 private:
  float* floats_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace pega
