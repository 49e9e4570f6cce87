#include "gauge/transfer_gauge.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>

#include "gauge/scenario_run.h"

namespace pega::gauge {
namespace {

constexpr std::uint32_t kLinkRepeats = 3;

class Gauge final : public TransferGauge {
 public:
  Gauge(GaugeOptions options, cuda::ContextPtr context)
      : options_(std::move(options)), context_(std::move(context)) {}

  Status Prepare();
  Result<LinkRates> MeasureLink() override;
  Result<Measurement> Measure(const Scenario& scenario) override;
  Result<LatencySamples> MeasureLatency(const Scenario& scenario, std::uint32_t count) override;
  SlabPages slab_pages() const override { return slabs_->pages(); }
  double product_tera_flops() const override { return product_ ? product_->tera_flops() : 0; }
  void Cancel() override { cancelled_.store(true); }

 private:
  Status UseBed(const Scenario& scenario);
  Status UseProduct();
  ScenarioTools Tools() {
    return {*bed_, *link_, product_.get(), cancelled_, options_.row_seconds};
  }

  const GaugeOptions options_;
  const cuda::ContextPtr context_;
  std::atomic<bool> cancelled_ = false;
  std::unique_ptr<OwnSlabs> slabs_;
  std::unique_ptr<LinkProbe> link_;
  std::unique_ptr<ProductLoad> product_;
  std::unique_ptr<CopyBed> bed_;  // of the last shape: neighbours in a list share it
  std::uint64_t bed_seed_ = 0;
};

Status Gauge::Prepare() {
  Result<std::unique_ptr<OwnSlabs>> slabs =
      OwnSlabs::Open(options_.slabs, options_.slab_bytes);
  if (!slabs.ok()) return slabs.status();
  slabs_ = std::move(slabs).value();
  LinkOptions link_options;
  link_options.slabs = options_.slabs;
  link_options.bytes = options_.link_bytes;
  Result<std::unique_ptr<LinkProbe>> link = LinkProbe::Make(context_, link_options, cancelled_);
  if (!link.ok()) return link.status();
  link_ = std::move(link).value();
  return Status::Ok();
}

Result<LinkRates> Gauge::MeasureLink() {
  LinkRates best;
  const auto take = [](Result<double> rate, double& into) {
    if (rate.ok()) into = std::max(into, rate.value());
    return rate.status();
  };
  for (std::uint32_t i = 0; i < kLinkRepeats; ++i) {
    if (cancelled_.load()) return Status(Code::kCancelled, "the measurement was given up");
    PEGA_RETURN_IF_ERROR(take(link_->Measure(CopyDirection::kLoad), best.to_device));
    PEGA_RETURN_IF_ERROR(take(link_->Measure(CopyDirection::kStore), best.to_host));
    PEGA_RETURN_IF_ERROR(take(link_->MeasureBoth(), best.both));
    for (const auto& [direction, into] :
         {std::pair{CopyDirection::kLoad, &best.one_copy_to_device},
          std::pair{CopyDirection::kStore, &best.one_copy_to_host}}) {
      const Status one = take(link_->MeasureOneCopy(direction), *into);
      if (!one.ok() && one.code() != Code::kNoSpace) return one;
    }
  }
  return best;
}

// The old bed goes first: two may not fit into the GPU's memory.
Status Gauge::UseBed(const Scenario& scenario) {
  if (bed_ && bed_->shape() == scenario.shape && bed_seed_ == scenario.seed) return Status::Ok();
  bed_.reset();
  BedOptions options;
  options.shape = scenario.shape;
  options.seed = scenario.seed;
  options.threads = options_.threads;
  options.calibrate = options_.calibrate;
  Result<std::unique_ptr<CopyBed>> bed = CopyBed::Make(context_, *slabs_, options, cancelled_);
  if (!bed.ok()) return bed.status();
  bed_ = std::move(bed).value();
  bed_seed_ = scenario.seed;
  return Status::Ok();
}

Status Gauge::UseProduct() {
  if (product_) return Status::Ok();
  Result<std::unique_ptr<ProductLoad>> made =
      ProductLoad::Make(context_, options_.product_size);
  if (!made.ok()) return made.status();
  product_ = std::move(made).value();
  return Status::Ok();
}

Result<Measurement> Gauge::Measure(const Scenario& scenario) {
  if (scenario.beside_product && scenario.direction == ScenarioDirection::kBoth) {
    return Status(Code::kInvalidArgument,
                  "a product is measured beside loads or stores, not beside both");
  }
  PEGA_RETURN_IF_ERROR(UseBed(scenario));
  if (scenario.beside_product) PEGA_RETURN_IF_ERROR(UseProduct());
  return ScenarioRun(scenario, Tools()).Run();
}

Result<LatencySamples> Gauge::MeasureLatency(const Scenario& scenario, std::uint32_t count) {
  if (scenario.direction == ScenarioDirection::kBoth) {
    return Status(Code::kInvalidArgument, "a latency is that of loads or of stores, not of both");
  }
  PEGA_RETURN_IF_ERROR(UseBed(scenario));
  return ScenarioRun(scenario, Tools()).RunLatency(count);
}

}  // namespace

Result<std::unique_ptr<TransferGauge>> TransferGauge::Open(const GaugeOptions& options,
                                                           const cuda::DriverApi* api) {
  if (api == nullptr) {
    Result<const cuda::DriverApi*> found = cuda::DriverApi::Get();
    if (!found.ok()) return found.status();
    api = found.value();
  }
  Result<cuda::ContextPtr> context = cuda::Context::RetainPrimary(*api, options.ordinal);
  if (!context.ok()) return context.status();
  auto gauge = std::make_unique<Gauge>(options, std::move(context).value());
  PEGA_RETURN_IF_ERROR(gauge->Prepare());
  return std::unique_ptr<TransferGauge>(std::move(gauge));
}

}  // namespace pega::gauge
