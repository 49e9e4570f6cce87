// HostDevice: device memory is this process's memory; copies are pread/pwrite of slab files by
// several threads. For CPU workers, the reference worker and tests.
#pragma once

#include <cstdint>
#include <memory>

#include "shared/slab_set.h"
#include "transfer/device.h"

namespace pega {

// threads: 0 means one for each core; at most 8 in any case. A store of a slot that has been
// retired, or of a boot that has passed, fails like a load: with what SlabSet::Slab returns.
std::unique_ptr<Device> MakeHostDevice(BlockLayout layout, std::shared_ptr<SlabSet> slabs,
                                       std::uint32_t threads);

}  // namespace pega
