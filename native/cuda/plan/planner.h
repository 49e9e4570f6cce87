// Planner: how a piece is copied: which runs directly, which staged, in which calls.
//
// Pure: layout, cost model and the addresses of slabs in, CopyPlan out. Blocks are taken in the
// order of their slots. A run of blocks that are neighbours on the device and in their slab goes
// directly where that is expected to be faster than staging (or as fast: it spares the kernel), as
// long as the piece's share of the caller's calls allows; the rest is staged, in chunks of the
// staging buffer.
//
// Thread safety: const, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/status.h"
#include "cuda/kernels/copy_rows.h"
#include "cuda/plan/block_runs.h"
#include "cuda/plan/copy_plan.h"
#include "cuda/plan/cost_model.h"
#include "transfer/device.h"

namespace pega::cuda {

enum class PlanChoice : std::uint8_t { kAuto, kDirect, kStaged };

struct PlannerOptions {
  std::uint64_t pin_piece_bytes = std::uint64_t{64} << 20;  // what no copy may cross in a slab
  PlanChoice choice = PlanChoice::kAuto;                    // forced ones are for measurements
  CostModel cost = {};
};

class Planner {
 public:
  Planner(const BlockLayout& layout, PlannerOptions options);

  // The segments of a layer range, neighbours merged; row offsets from the range's first byte.
  std::vector<RowSpan> Spans(std::uint32_t first_layer, std::uint32_t end_layer) const;

  // The end layers of the parts of [first_layer, end_layer) that are planned one by one: all of it
  // where a row of it fits a chunk, else as many layers as do. A layer too long for any chunk is a
  // part of its own, and Plan copies it directly.
  std::vector<std::uint32_t> StageableEnds(std::uint32_t first_layer, std::uint32_t end_layer,
                                           std::uint64_t chunk_bytes) const;

  // chunk_bytes: of one staging buffer; all goes directly where it holds not even one row.
  // calls_max: an upper bound for driver calls where a plan within it exists, else the plan has the
  // fewest that were found. pipelined: others are copied just behind it. Fails only as slab_address does, which is asked once for each slab.
  Result<CopyPlan> Plan(const CopyPiece& piece, std::uint64_t chunk_bytes,
                        const SlabAddress& slab_address,
                        std::optional<std::uint64_t> calls_max, bool pipelined = false) const;

  // Of calls_max for all layers, those for a group of `layers`: what to give Plan for each group.
  std::uint64_t CallsOfGroup(std::uint64_t calls_max, std::uint32_t layers) const;

  // End layers of the most groups of about `layers_per_group`, and of 4 MiB or more, with which a
  // synchronous load of these blocks takes at most calls_max calls in all, each group its share (CallsOfGroup); empty:
  // not even one group does, or a slab has no address.
  std::vector<std::uint32_t> FitGroups(std::span<const BlockCopy> blocks,
                                       std::uint32_t layers_per_group, std::uint64_t chunk_bytes,
                                       const SlabAddress& slab_address,
                                       std::uint64_t calls_max) const;

 private:
  CopyPlan PlanRuns(std::span<const BlockRun> runs, Direction direction, std::uint32_t first_layer,
                    std::uint32_t end_layer, std::uint64_t chunk_bytes,
                    std::optional<std::uint64_t> calls_max, bool pipelined) const;
  bool GroupFits(std::span<const BlockRun> runs, std::uint32_t first_layer, std::uint32_t end_layer,
                 std::uint64_t chunk_bytes, std::uint64_t calls_max) const;

  const BlockLayout& layout_;
  const PlannerOptions options_;
};

}  // namespace pega::cuda
