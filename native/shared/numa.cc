#include "shared/numa.h"

#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <string>

#include "base/slot_address.h"

namespace pega {
namespace {

constexpr std::uint32_t kNodesMax = 1024;
constexpr std::uint32_t kWordBits = 8 * sizeof(unsigned long);

std::string Named(std::span<const std::uint32_t> nodes) {
  std::string text;
  for (const std::uint32_t node : nodes) {
    if (!text.empty()) text += ",";
    text += std::to_string(node);
  }
  return text;
}

// Adds the processors of "0-3,8,10-11" to the set.
void AddProcessors(const std::string& list, cpu_set_t& processors) {
  const char* at = list.c_str();
  while (*at >= '0' && *at <= '9') {
    char* end = nullptr;
    const unsigned long first = std::strtoul(at, &end, 10);
    const unsigned long last = *end == '-' ? std::strtoul(end + 1, &end, 10) : first;
    for (unsigned long i = first; i <= last && i < CPU_SETSIZE; ++i) CPU_SET(i, &processors);
    at = *end == ',' ? end + 1 : end;
  }
}

}  // namespace

Status PreferNodes(void* address, std::uint64_t bytes, std::span<const std::uint32_t> nodes) {
  if (nodes.empty()) return Status::Ok();
  std::array<unsigned long, kNodesMax / kWordBits> mask{};
  for (const std::uint32_t node : nodes) {
    if (node >= kNodesMax) {
      return Status(Code::kInvalidArgument, "NUMA node " + std::to_string(node) + " is too high");
    }
    mask[node / kWordBits] |= 1ul << (node % kWordBits);
  }
  const int policy = nodes.size() == 1 ? MPOL_PREFERRED : MPOL_INTERLEAVE;
  // The kernel reads one bit less than it is told.
  if (::syscall(SYS_mbind, address, bytes, policy, mask.data(), kNodesMax + 1, 0) == 0) {
    return Status::Ok();
  }
  const Status failure = Status::Io("mbind to NUMA node " + Named(nodes), errno);
  return Status(Code::kUnsupported, failure.message());
}

Status CheckNodes(std::span<const std::uint32_t> nodes) {
  void* const page = ::mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return Status::Io("mmap of a page", errno);
  Status status = PreferNodes(page, kPageBytes, nodes);
  ::munmap(page, kPageBytes);
  return status;
}

void RunOnNodes(std::span<const std::uint32_t> nodes) {
  cpu_set_t wanted;
  CPU_ZERO(&wanted);
  for (const std::uint32_t node : nodes) {
    std::ifstream file("/sys/devices/system/node/node" + std::to_string(node) + "/cpulist");
    std::string list;
    if (std::getline(file, list)) AddProcessors(list, wanted);
  }
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  CPU_AND(&wanted, &wanted, &allowed);
  if (CPU_COUNT(&wanted) != 0) ::sched_setaffinity(0, sizeof(wanted), &wanted);
}

}  // namespace pega
