#include "shared/mark_file.h"

#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/slot_address.h"
#include "shared/sparse_mapping.h"

namespace pega {
namespace {

// Where the folder has no space for a page of marks they stay in private memory. A restarted server
// then finds zeros there, "never sealed", and drops those blocks.
class MappedMarks final : public MarkFile {
 public:
  MappedMarks(ScopedFd fd, SparseMapping mapping, std::uint64_t words_per_slab)
      : fd_(std::move(fd)), mapping_(std::move(mapping)), words_per_slab_(words_per_slab) {}

  void ClearSlab(std::uint32_t ordinal) override {
    const std::uint64_t page_bytes = mapping_.page_bytes();
    const std::uint64_t begin = FirstByte(ordinal);
    const std::uint64_t end = begin + words_per_slab_ * sizeof(std::uint64_t);
    for (std::uint64_t at = begin; at < end;) {
      const std::uint64_t page = at / page_bytes;
      const std::uint64_t stop = std::min(end, (page + 1) * page_bytes);
      if (mapping_.PageReady(page)) std::memset(mapping_.address() + at, 0, stop - at);
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
    if (!mapping_.PageReady(at / mapping_.page_bytes())) return 0;
    return *reinterpret_cast<const std::uint64_t*>(mapping_.address() + at);
  }

  std::uint64_t& Writable(std::uint32_t ordinal, std::uint32_t slot_index) {
    const std::uint64_t at = ByteOf(ordinal, slot_index);
    const std::uint64_t page = at / mapping_.page_bytes();
    if (!mapping_.PageReady(page)) Prepare(page);
    return *reinterpret_cast<std::uint64_t*>(mapping_.address() + at);
  }

  void Prepare(std::uint64_t page) {
    if (mapping_.MakeReady(page * mapping_.page_bytes(), 1).ok()) return;
    if (!mapping_.MakePrivate(page).ok()) std::abort();  // not one page left: as for any allocation
  }

  ScopedFd fd_;
  SparseMapping mapping_;
  const std::uint64_t words_per_slab_;
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
    Result<SparseMapping> mapping = SparseMapping::Of(fd.value().get(), bytes);
    if (mapping.ok()) {
      return std::unique_ptr<MarkFile>(std::make_unique<MappedMarks>(
          std::move(fd).value(), std::move(mapping).value(), words_per_slab));
    }
    status = mapping.status();
  }
  ::unlink(path.c_str());
  return status;
}

}  // namespace pega
