// CopyBlocks: the bytes of some blocks of a piece between this process's memory and slab files.
//
// What one thread of the host device does for one share of a piece. A layer range is contiguous in
// its slot, so a block is one gathering write or scattering read of the slab.
#pragma once

#include <span>

#include "base/status.h"
#include "shared/slab_set.h"
#include "transfer/device.h"

namespace pega {

// `piece` says direction and layers; `blocks` is a part of its blocks. Stops at the first failure.
Status CopyBlocks(const BlockLayout& layout, SlabSet& slabs, const CopyPiece& piece,
                  std::span<const BlockCopy> blocks);

}  // namespace pega
