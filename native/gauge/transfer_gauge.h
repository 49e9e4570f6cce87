// TransferGauge: measures the copies of one GPU as `pega bench transfer` reports them.
//
// Measured is the real path: transfer engine, CUDA device, registered slab files. Each repeat has a
// long copy over the same link just before it, so that a share of the link compares like with like.
// Nothing is left in the slabs' folder.
//
// Thread safety: one thread at a time; Cancel from any. Cancelled, the call that runs ends within a
// repeat, and so does every later one (kCancelled).
#pragma once

#include <cstdint>
#include <memory>

#include "base/status.h"
#include "gauge/scenario.h"
#include "shared/pool_folder.h"

namespace pega::gauge {

struct GaugeOptions {
  int ordinal = 0;
  OwnSlabsOptions slabs;  // in the folder where a server would put its pool
  std::uint64_t slab_bytes = std::uint64_t{256} << 20;
  std::uint64_t link_bytes = std::uint64_t{512} << 20;  // memory of the long copies
  std::uint32_t product_size = 4096;                    // of the matrix product
  double row_seconds = 0.1;   // about how long rows of jobs run where several are needed
  std::uint32_t threads = 0;   // that write and check patterns; 0: one for each core
  bool calibrate = true;      // else the planner's own values
};

class TransferGauge {
 public:
  // kUnsupported: no driver or GPU; kInvalidArgument: no such GPU; PoolFolder::Create's errors.
  static Result<std::unique_ptr<TransferGauge>> Open(const GaugeOptions& options,
                                                     const cuda::DriverApi* api = nullptr);
  virtual ~TransferGauge() = default;

  // The best of a few, of each.
  virtual Result<LinkRates> MeasureLink() = 0;
  // Wrong bytes are a part of the result, not an error.
  virtual Result<Measurement> Measure(const Scenario& scenario) = 0;
  // Of the scenario's kind and direction, not both. Count for each way of seeing the end.
  virtual Result<LatencySamples> MeasureLatency(const Scenario& scenario,
                                                std::uint32_t count) = 0;
  virtual SlabPages slab_pages() const = 0;
  // 0 before a product was measured.
  virtual double product_tera_flops() const = 0;
  virtual void Cancel() = 0;
};

}  // namespace pega::gauge
