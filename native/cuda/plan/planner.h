// Planner: how a piece is copied: which runs directly, which staged, in which calls.
//
// Pure: layout, cost model and the addresses of slabs in, CopyPlan out. A run of blocks that are
// neighbours on the device and in their slab goes directly where that is expected to be faster than
// staging (or as fast: it spares the kernel), as long as the piece's share of the caller's calls
// allows; the rest is staged, in chunks of the staging buffer.
//
// Thread safety: const, any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/status.h"
#include "cuda/kernels/copy_rows.h"
#include "cuda/plan/copy_plan.h"
#include "cuda/plan/cost_model.h"
#include "transfer/device.h"

namespace pega::cuda {

enum class PlanChoice : std::uint8_t { kAuto, kDirect, kStaged };

struct PlannerOptions {
  std::uint64_t pin_piece_bytes = std::uint64_t{64} << 20;  // what no copy may cross in a slab
  PlanChoice choice = PlanChoice::kAuto;                    // forced ones are for measurements
  CostModel cost;
};

// Host address of a slab, or why there is none.
using SlabAddress = std::function<Result<std::uint64_t>(std::uint32_t ordinal)>;

class Planner {
 public:
  Planner(const BlockLayout& layout, PlannerOptions options);

  // The segments of a layer range, neighbours merged; row offsets from the range's first byte.
  std::vector<RowSpan> Spans(std::uint32_t first_layer, std::uint32_t end_layer) const;

  // chunk_bytes: of one staging buffer; a chunk holds at least one row. kLimit: a row is longer than
  // that, so this layer range can't be staged and must be cut; or a slab's address is not known.
  // calls_max: an upper bound for driver calls where a plan within it exists.
  Result<CopyPlan> Plan(const CopyPiece& piece, std::uint64_t chunk_bytes,
                        const SlabAddress& slab_address,
                        std::optional<std::uint64_t> calls_max) const;

  // End layers of the most groups of about `layers_per_group` with which a synchronous load of these
  // blocks takes at most calls_max calls in all; empty: not even one group does.
  std::vector<std::uint32_t> FitGroups(std::span<const BlockCopy> blocks,
                                       std::uint32_t layers_per_group, std::uint64_t chunk_bytes,
                                       const SlabAddress& slab_address,
                                       std::uint64_t calls_max) const;

 private:
  const BlockLayout& layout_;
  const PlannerOptions options_;
};

}  // namespace pega::cuda
