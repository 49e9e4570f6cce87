#include "shared/slab_fill.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>

#include "base/slot_address.h"
#include "shared/mapping.h"
#include "shared/numa.h"

namespace pega {
namespace {

Status Failure(const std::string& what, int error) {
  const Status failure = Status::Io(what, error);
  return IsNoSpace(error) ? Status(Code::kNoSpace, failure.message()) : failure;
}

struct Range {
  int fd;
  const std::string& path;
  std::uint64_t offset_bytes;
  std::uint64_t bytes;
};

Status Allocate(const Range& range) {
  // KEEP_SIZE: a file truncated from outside must stay short, so that it is found out.
  while (::fallocate(range.fd, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(range.offset_bytes),
                     static_cast<off_t>(range.bytes)) != 0) {
    if (errno != EINTR) return Failure("fallocate " + range.path, errno);
  }
  return Status::Ok();
}

Status Populate(const Range& range, const Mapping& mapping) {
  while (::madvise(mapping.address(), range.bytes, MADV_POPULATE_WRITE) != 0) {
    if (errno == EINTR || errno == EAGAIN) continue;
    // A kernel before 5.14: the first touch of allocated memory is only slower.
    if (errno == EINVAL) return Allocate(range);
    // Where touching would have been SIGBUS: the range is beyond the end of the file by now, or
    // there is no page for it.
    if (errno == EFAULT) return Status(Code::kNoSpace, "no memory behind a range of " + range.path);
    return Failure("MADV_POPULATE_WRITE of " + range.path, errno);
  }
  return Status::Ok();
}

// ShmemPmdMapped of the maps that begin within this one: neighbours that fit are merged to one.
std::uint64_t HugeBytes(const Mapping& mapping) {
  const auto first = reinterpret_cast<std::uintptr_t>(mapping.address());
  std::ifstream smaps("/proc/self/smaps");
  std::uint64_t huge_kilobytes = 0;
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    unsigned long begin = 0, end = 0, kilobytes = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
      inside = begin <= first && first < end;
    } else if (inside && std::sscanf(line.c_str(), "ShmemPmdMapped: %lu kB", &kilobytes) == 1) {
      huge_kilobytes += kilobytes;
    }
  }
  return std::min<std::uint64_t>(huge_kilobytes * 1024, mapping.bytes());
}

}  // namespace

bool IsNoSpace(int error_number) {
  return error_number == ENOSPC || error_number == ENOMEM || error_number == EDQUOT ||
         error_number == EFBIG;
}

Result<Filled> FillRange(int fd, const std::string& path, std::uint64_t offset_bytes,
                         std::uint64_t bytes, std::uint64_t page_bytes,
                         const FillOptions& options) {
  const Range range{fd, path, offset_bytes, bytes};
  const bool huge = options.huge_pages && page_bytes == kPageBytes;
  Result<Mapping> mapping = Mapping::OfSlab(fd, bytes, page_bytes, offset_bytes);
  if (!mapping.ok()) return mapping.status();
  // The file keeps the policy, so it counts for fallocate too.
  PEGA_RETURN_IF_ERROR(PreferNodes(mapping.value().address(), bytes, options.numa_nodes));
  if (huge) {
    // A kernel without huge pages refuses it: the file then gets small ones.
    (void)::madvise(mapping.value().address(), bytes, MADV_HUGEPAGE);
  } else if (options.allocate_first) {
    PEGA_RETURN_IF_ERROR(Allocate(range));
  }
  PEGA_RETURN_IF_ERROR(Populate(range, mapping.value()));
  return Filled{huge && offset_bytes == 0 ? HugeBytes(mapping.value()) : 0};
}

}  // namespace pega
