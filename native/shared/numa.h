// The NUMA nodes that slabs lie on, by system calls of its own: no libnuma.
//
// Used by who fills slabs. Thread safety: any thread.
#pragma once

#include <cstdint>
#include <span>

#include "base/status.h"

namespace pega {

// Memory that the range (of an anonymous map, or of a file in memory) does not have yet comes from
// this node, or in turn from each of several. Preferred, not bound: where a node has no more, memory
// of another costs some of the link's speed, but a bound server would be killed for want of it.
// No nodes: nothing is done. kUnsupported: the kernel knows no such node, or the process may not.
Status PreferNodes(void* address, std::uint64_t bytes, std::span<const std::uint32_t> nodes);

// The same call for a page of its own: whether it would be refused.
Status CheckNodes(std::span<const std::uint32_t> nodes);

// Keeps this thread on those nodes' processors, which clear their memory fastest. Where that is not
// possible it stays where it may be.
void RunOnNodes(std::span<const std::uint32_t> nodes);

}  // namespace pega
