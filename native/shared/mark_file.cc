#include "shared/mark_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/slot_address.h"
#include "shared/mapping.h"

namespace pega {
namespace {

// A page of the map is made real before its first write, by a call that can fail: a plain write
// into a full tmpfs would be a SIGBUS. Where there is no space the page's marks stay in private
// memory. A restarted server then finds zeros there, "never sealed", and drops those blocks.
class MappedMarks final : public MarkFile {
 public:
  MappedMarks(Mapping mapping, std::uint64_t words_per_slab)
      : mapping_(std::move(mapping)),
        words_per_slab_(words_per_slab),
        page_bytes_(static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))),
        page_ready_(mapping_.bytes() / page_bytes_ + 1) {}

  void ClearSlab(std::uint32_t ordinal) override {
    const std::uint64_t begin = FirstByte(ordinal);
    const std::uint64_t end = begin + words_per_slab_ * sizeof(std::uint64_t);
    for (std::uint64_t at = begin; at < end;) {
      const std::uint64_t page = at / page_bytes_;
      const std::uint64_t stop = std::min(end, (page + 1) * page_bytes_);
      if (page_ready_[page]) std::memset(mapping_.address() + at, 0, stop - at);
      at = stop;  // a page that was never written is zero already
    }
  }

  std::uint64_t Reserve(std::uint32_t ordinal, std::uint32_t slot_index) override {
    std::uint64_t& word = Writable(ordinal, slot_index);
    const std::uint64_t generation = word / 2 + 1;
    word = generation * 2;
    return generation;
  }
  void Seal(std::uint32_t ordinal, std::uint32_t slot_index) override {
    Writable(ordinal, slot_index) |= 1;
  }
  void Unseal(std::uint32_t ordinal, std::uint32_t slot_index) override {
    Writable(ordinal, slot_index) &= ~std::uint64_t{1};
  }
  std::uint64_t Generation(std::uint32_t ordinal, std::uint32_t slot_index) const override {
    return Word(ordinal, slot_index) / 2;
  }
  bool Sealed(std::uint32_t ordinal, std::uint32_t slot_index) const override {
    return (Word(ordinal, slot_index) & 1) != 0;
  }

 private:
  std::uint64_t FirstByte(std::uint32_t ordinal) const {
    return ordinal * words_per_slab_ * sizeof(std::uint64_t);
  }
  std::uint64_t ByteOf(std::uint32_t ordinal, std::uint32_t slot_index) const {
    assert(ordinal < kSlabOrdinalsMax && slot_index < words_per_slab_);
    return FirstByte(ordinal) + slot_index * sizeof(std::uint64_t);
  }

  // Reading a page that was never written would give it memory, too.
  std::uint64_t Word(std::uint32_t ordinal, std::uint32_t slot_index) const {
    const std::uint64_t at = ByteOf(ordinal, slot_index);
    if (!page_ready_[at / page_bytes_]) return 0;
    return *reinterpret_cast<const std::uint64_t*>(mapping_.address() + at);
  }

  std::uint64_t& Writable(std::uint32_t ordinal, std::uint32_t slot_index) {
    const std::uint64_t at = ByteOf(ordinal, slot_index);
    if (!page_ready_[at / page_bytes_]) MakeReady(at / page_bytes_);
    return *reinterpret_cast<std::uint64_t*>(mapping_.address() + at);
  }

  void MakeReady(std::uint64_t page) {
    page_ready_[page] = true;
    void* const address = mapping_.address() + page * page_bytes_;
    int result = ::madvise(address, page_bytes_, MADV_POPULATE_WRITE);
    while (result != 0 && errno == EINTR) {
      result = ::madvise(address, page_bytes_, MADV_POPULATE_WRITE);
    }
    // EINVAL: a kernel before 5.14, which can only be trusted.
    if (result == 0 || errno == EINVAL) return;
    void* const private_page = ::mmap(address, page_bytes_, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    assert(private_page == address);
    static_cast<void>(private_page);
  }

  Mapping mapping_;
  const std::uint64_t words_per_slab_;
  const std::uint64_t page_bytes_;
  std::vector<bool> page_ready_;
};

}  // namespace

Result<std::unique_ptr<MarkFile>> MarkFile::Create(const PoolFolder& folder, const PoolId& pool,
                                                   std::uint64_t slab_bytes) {
  if (slab_bytes == 0 || slab_bytes % kPageBytes != 0 || slab_bytes > kSlabBytesMax) {
    return Status(Code::kInvalidArgument, "slab_bytes is " + std::to_string(slab_bytes) +
                                              "; it must be a multiple of 4096 up to " +
                                              std::to_string(kSlabBytesMax));
  }
  const std::string path = folder.MarksPath(pool);
  const std::uint64_t words_per_slab = slab_bytes / kPageBytes;
  const std::uint64_t bytes = words_per_slab * kSlabOrdinalsMax * sizeof(std::uint64_t);
  Result<ScopedFd> fd = folder.CreateFile(path);
  if (!fd.ok()) return fd.status();
  Status status;
  if (::ftruncate(fd.value().get(), static_cast<off_t>(bytes)) != 0) {
    status = Status::Io("ftruncate " + path, errno);
  } else {
    Result<Mapping> mapping = Mapping::Of(fd.value().get(), bytes, Access::kReadWrite);
    if (mapping.ok()) {
      return std::unique_ptr<MarkFile>(
          std::make_unique<MappedMarks>(std::move(mapping).value(), words_per_slab));
    }
    status = mapping.status();
  }
  ::unlink(path.c_str());
  return status;
}

}  // namespace pega
