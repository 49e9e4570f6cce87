#include "cuda/pins/registered_slab.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <utility>

namespace pega::cuda {
namespace {

using Clock = std::chrono::steady_clock;

std::uint64_t NanosecondsSince(Clock::time_point start) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count());
}

// Without it the driver would take each page's fault by itself, as a write: twice as long, and all
// of it under the driver's locks. Read faults map many pages at once, and writable ones, for tmpfs
// doesn't watch for writes.
Status Populate(void* address, std::uint64_t bytes, const std::string& path) {
  while (::madvise(address, bytes, MADV_POPULATE_READ) != 0) {
    if (errno == EINTR || errno == EAGAIN) continue;
    if (errno == EINVAL) break;  // a kernel before 5.14: the driver's faults do it
    if (errno == EFAULT) {
      return Status(Code::kSlabChanged, path + " was cut short while it was being registered");
    }
    return Status::Io("MADV_POPULATE_READ of " + path, errno);
  }
  return Status::Ok();
}

bool MayBeALimit(CUresult result) {
  return result == kErrorOutOfMemory || result == kErrorNotPermitted ||
         result == kErrorOperatingSystem;
}

std::string LockedMemoryLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return "is not known";
  if (limit.rlim_cur == RLIM_INFINITY) return "is unlimited";
  return "is " + std::to_string(limit.rlim_cur) + " bytes";
}

}  // namespace

Result<std::unique_ptr<RegisteredSlab>> RegisteredSlab::Map(ContextPtr context,
                                                            const SlabFile& file,
                                                            std::uint64_t slab_bytes) {
  PEGA_RETURN_IF_ERROR(file.CheckWhole());  // a hole would get memory here, and read as zeroes
  Result<Mapping> mapping = Mapping::OfSlab(file.fd(), slab_bytes, file.record().page_bytes);
  if (!mapping.ok()) return mapping.status();
  return std::unique_ptr<RegisteredSlab>(
      new RegisteredSlab(std::move(context), std::move(mapping).value(), file.path()));
}

Status RegisteredSlab::RegisterNext(std::uint64_t bytes, std::uint64_t& driver_ns) {
  bytes = std::min(bytes, mapping_.bytes() - registered_bytes_);
  std::byte* const address = mapping_.address() + registered_bytes_;
  PEGA_RETURN_IF_ERROR(Populate(address, bytes, path_));
  const DriverApi& api = context_->api();
  const Clock::time_point start = Clock::now();
  const CUresult result = api.MemHostRegister(
      address, bytes, kHostRegisterPortable | kHostRegisterDeviceMap);  // kernels read some slots
  driver_ns += NanosecondsSince(start);
  if (result != kSuccess) return Refusal(result);
  pieces_.emplace_back(context_, address, [](const DriverApi& driver, void* registered) {
    driver.MemHostUnregister(registered);
  });
  registered_bytes_ += bytes;
  return Status::Ok();
}

Status RegisteredSlab::Refusal(CUresult result) const {
  const Status status = ToStatus(context_->api(), "cuMemHostRegister", result);
  std::string message = status.message() + ", at byte " + std::to_string(registered_bytes_) +
                        " of " + path_;
  if (MayBeALimit(result)) {
    message += "; this process's limit of locked memory " + LockedMemoryLimit() +
               ": raise it with `ulimit -l unlimited`, or start the container with "
               "`--ulimit memlock=-1`, and see that the host has memory free";
  }
  return Status(status.code(), message);
}

}  // namespace pega::cuda
