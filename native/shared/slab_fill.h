// FillRange: gives a range of a slab file its memory, so that no later access can fail for want of
// it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace pega {

struct FillOptions {
  // On tmpfs: where the file system gives huge pages to who advises them. hugetlbfs has its own.
  bool huge_pages = false;
  // False: memory is taken by the faults alone. fallocate holds a lock of the file all the while, so
  // threads are slower on one file, but it takes no page where the range does not fit.
  bool allocate_first = false;
  std::vector<std::uint32_t> numa_nodes = {};  // that the memory shall come from; empty: any
};

struct Filled {
  // Of the range, mapped by huge pages of tmpfs. Looked for at the file's begin only, and where they
  // were asked for: the look takes a millisecond.
  std::uint64_t huge_bytes = 0;
};

// Maps that range alone, sets its memory policy, takes the memory and touches it by
// MADV_POPULATE_WRITE. Existing content stays. fallocate gives small pages only, so huge ones are
// taken by the populating alone. kNoSpace when memory or space is missing; never SIGBUS.
// REQUIRES: range within the file, whole pages of it.
Result<Filled> FillRange(int fd, const std::string& path, std::uint64_t offset_bytes,
                         std::uint64_t bytes, std::uint64_t page_bytes,
                         const FillOptions& options);

// True for the errors by which the system says that it has no more memory or space.
bool IsNoSpace(int error_number);

}  // namespace pega
