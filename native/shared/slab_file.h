// SlabFile: one slab as a file, for the server that makes and fills it and the engines that use it.
//
// An engine opens a slab by the header's record and refuses one whose inode or size is not the
// record's (kSlabChanged). The host device reads and writes through Read and Write (pread/pwrite on
// tmpfs: a truncated file is an error, not SIGBUS; a mapping on hugetlbfs, which has no write()).
// Thread safety: Read and Write may run in many threads.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/scoped_fd.h"
#include "base/status.h"
#include "shared/mapping.h"
#include "shared/pool_folder.h"
#include "shared/pool_header.h"
#include "shared/slab_fill.h"

namespace pega {

enum class SlabPages : std::uint8_t { kSmall, kHugeShmem, kHugetlb };

class SlabFile {
 public:
  // Server: creates the file at its full size, without memory behind it yet.
  static Result<std::unique_ptr<SlabFile>> Create(const PoolFolder& folder, const PoolId& pool,
                                                  std::uint32_t ordinal, std::uint64_t slab_bytes);
  // Engine: opens and checks.
  static Result<std::unique_ptr<SlabFile>> Open(const PoolFolder& folder, const PoolId& pool,
                                                std::uint32_t ordinal, std::uint64_t slab_bytes,
                                                const SlabRecord& record);
  virtual ~SlabFile() = default;

  // Server: gives [offset, offset + bytes) its memory (FillRange). kNoSpace when memory is missing.
  // May run in several threads on different ranges.
  virtual Status Fill(std::uint64_t offset_bytes, std::uint64_t bytes,
                      const FillOptions& options = {}) = 0;
  // What its begin was given; elsewhere the kernel may have had less to give. kHugeShmem: only if
  // this object filled it.
  virtual SlabPages pages() const = 0;
  // Server: kSlabChanged if size, or the inode at the path, is no longer the file's own.
  virtual Status CheckUnchanged() const = 0;
  // kSlabChanged unless there is memory behind every byte of a filled slab; its path may be gone.
  virtual Status CheckWhole() const = 0;
  virtual void Unlink() = 0;

  // Scatter a contiguous range of the slab into `target`, or gather `source` into it. Short reads
  // and writes are kSlabChanged.
  virtual Status Read(std::uint64_t offset_bytes, std::span<const iovec> target) const = 0;
  virtual Status Write(std::uint64_t offset_bytes, std::span<const iovec> source) const = 0;

  virtual SlabRecord record() const = 0;
  virtual const std::string& path() const = 0;
  virtual int fd() const = 0;
};

}  // namespace pega
