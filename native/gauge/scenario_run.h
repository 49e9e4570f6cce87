// ScenarioRun: the repeats of one scenario on a bed. Private to transfer_gauge.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "base/status.h"
#include "gauge/copy_bed.h"
#include "gauge/job_run.h"
#include "gauge/link_probe.h"
#include "gauge/product_load.h"
#include "gauge/scenario.h"

namespace pega::gauge {

struct ScenarioTools {
  CopyBed& bed;
  LinkProbe& link;
  ProductLoad* product = nullptr;  // where the scenario needs one
  const std::atomic<bool>& cancelled;
  double row_seconds = 0;
};

class ScenarioRun {
 public:
  ScenarioRun(const Scenario& scenario, ScenarioTools tools);

  Result<Measurement> Run();
  Result<LatencySamples> RunLatency(std::uint32_t count);

 private:
  bool WithProduct() const { return scenario_.beside_product; }
  CopyDirection OneDirection() const {
    return scenario_.direction == ScenarioDirection::kStore ? CopyDirection::kStore
                                                            : CopyDirection::kLoad;
  }
  const std::vector<BlockCopy>& Blocks(CopyDirection direction) const {
    return direction == CopyDirection::kLoad ? load_blocks_ : store_blocks_;
  }
  Status CheckCancelled() const;
  Status ChooseGroups();
  JobRun MakeJob(CopyDirection direction) const;
  JobRow MakeRow(CopyDirection direction) const;
  // A job's clearing before, and its checking after.
  Status Clear(CopyDirection direction);
  Status Check(CopyDirection direction);

  Status WarmUp();  // and decides how long rows are
  Result<JobSample> RunJob();
  Result<BothSample> RunBoth();
  Result<ProductSample> RunBesideProduct(bool alone_first);
  Result<double> RunRow(CopyDirection direction);  // bytes/s
  Status RunRowBesideProduct(std::uint32_t launches, ProductSample& sample);
  Result<double> RunOneBlock(std::uint32_t index, bool spinning);

  const Scenario scenario_;
  const ScenarioTools tools_;
  std::vector<BlockCopy> load_blocks_, store_blocks_;
  std::uint32_t jobs_in_row_ = 1;
  double job_seconds_ = 0;  // of the last warm-up
  Measurement measured_;
};

}  // namespace pega::gauge
