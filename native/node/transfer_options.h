// Reads what TransferEngine.create and submit are given: a layout, a job.
#pragma once

#include <cstdint>
#include <vector>

#include "base/limits.h"
#include "node/arguments.h"
#include "transfer/layout.h"
#include "transfer/transfer_engine.h"

namespace pega::node {

struct LayoutArguments {
  std::vector<Allocation> allocations;
  std::vector<LayerSegment> segments;
  std::uint64_t block_count = 0;
};

LayoutArguments ReadLayout(Arguments& read, Napi::Object options);

// A job without its callback.
JobSpec ReadJob(Arguments& read, const Napi::CallbackInfo& info);

}  // namespace pega::node
