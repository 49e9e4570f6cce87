// The gauge on the fake driver: every kind of scenario is measured and checked, its figures add up,
// errors come through, and a measurement can be given up.
#include "gauge/transfer_gauge.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "cuda/fake_driver.h"
#include "gauge/gpu_facts.h"
#include "gauge_folder.h"

namespace pega::gauge {
namespace {

class TransferGaugeTest : public testing::Test {
 protected:
  std::unique_ptr<TransferGauge> Open() {
    Result<std::unique_ptr<TransferGauge>> gauge =
        TransferGauge::Open(folder_.Options(), &fake_.api());
    EXPECT_TRUE(gauge.ok()) << gauge.status().message();
    return std::move(gauge).value();
  }
  static Measurement Measured(TransferGauge& gauge, const Scenario& scenario) {
    Result<Measurement> measured = gauge.Measure(scenario);
    EXPECT_TRUE(measured.ok()) << measured.status().message();
    if (!measured.ok()) return {};
    EXPECT_EQ(measured.value().wrong.segments, 0) << measured.value().wrong.first;
    return std::move(measured).value();
  }

  GaugeFolder folder_;
  cuda::FakeDriver fake_;
};

TEST_F(TransferGaugeTest, EveryJobOfEveryKindIsCheckedAndAddsUp) {
  const auto gauge = Open();
  for (const cuda::PlanChoice plan :
       {cuda::PlanChoice::kAuto, cuda::PlanChoice::kDirect, cuda::PlanChoice::kStaged}) {
    for (const Order order : {Order::kRun, Order::kShuffled}) {
      for (const ScenarioDirection direction :
           {ScenarioDirection::kLoad, ScenarioDirection::kStore}) {
        Scenario scenario = SmallScenario();
        scenario.shape.plan = plan;
        scenario.device_order = order;
        scenario.direction = direction;
        scenario.synchronous = order == Order::kRun;
        const Measurement measured = Measured(*gauge, scenario);
        ASSERT_EQ(measured.jobs.size(), 3);
        EXPECT_EQ(measured.checked_jobs, 5);  // warm-ups too
        EXPECT_EQ(measured.job_bytes, 4096 * 8 * 40);
        for (const JobSample& job : measured.jobs) {
          EXPECT_GT(job.link_bytes_per_s, 0);
          EXPECT_LE(job.submit_seconds, job.seconds + job.submit_seconds);
          EXPECT_LE(job.submit_driver_calls, job.driver_calls);
          EXPECT_EQ(job.staged_bytes + job.direct_bytes, measured.job_bytes);
          EXPECT_TRUE(plan != cuda::PlanChoice::kDirect || job.staged_bytes == 0);
          EXPECT_TRUE(plan != cuda::PlanChoice::kStaged || job.direct_bytes == 0);
        }
      }
    }
  }
  EXPECT_EQ(fake_.Misuse(), std::vector<std::string>{});
}

TEST_F(TransferGaugeTest, ASynchronousLoadHasItsGroups) {
  const auto gauge = Open();
  Scenario scenario = SmallScenario();
  scenario.layers_per_group = 3;
  scenario.fit_groups = false;
  EXPECT_EQ(Measured(*gauge, scenario).group_ends, (std::vector<std::uint32_t>{3, 6, 8}));
  scenario.layers_per_group = 0;
  EXPECT_EQ(Measured(*gauge, scenario).group_ends, (std::vector<std::uint32_t>{8}));
  scenario.fit_groups = true;
  scenario.layers_per_group = 4;
  const Measurement fitted = Measured(*gauge, scenario);
  ASSERT_FALSE(fitted.group_ends.empty());
  EXPECT_EQ(fitted.group_ends.back(), 8);
  for (const JobSample& job : fitted.jobs) EXPECT_LE(job.submit_driver_calls, 500);
}

TEST_F(TransferGaugeTest, BothDirectionsRunAtOnce) {
  fake_.fake_cuda_delay("cuMemcpy2DAsync", 300);
  const auto gauge = Open();
  Scenario scenario = SmallScenario();
  scenario.direction = ScenarioDirection::kBoth;
  const Measurement measured = Measured(*gauge, scenario);
  ASSERT_EQ(measured.both.size(), 3);
  EXPECT_EQ(measured.checked_jobs, 2 * (2 + 3));
  for (const BothSample& sample : measured.both) {
    for (const double rate : {sample.load_alone, sample.store_alone, sample.load, sample.store,
                              sample.link_both}) {
      EXPECT_GT(rate, 0);
    }
  }
}

TEST_F(TransferGaugeTest, AProductIsMeasuredAloneAndBesideCopies) {
  const auto gauge = Open();
  EXPECT_EQ(gauge->product_tera_flops(), 0);
  Scenario scenario = SmallScenario();
  scenario.beside_product = true;
  const Measurement measured = Measured(*gauge, scenario);
  ASSERT_EQ(measured.product.size(), 3);
  for (const ProductSample& sample : measured.product) {
    EXPECT_GT(sample.alone_seconds, 0);
    EXPECT_GT(sample.beside_seconds, 0);
    EXPECT_GT(sample.covered, 0);
    EXPECT_LE(sample.covered, 1);
    EXPECT_GT(sample.copy_bytes_per_s, 0);
  }
  EXPECT_GT(gauge->product_tera_flops(), 0);
  scenario.direction = ScenarioDirection::kBoth;
  EXPECT_EQ(gauge->Measure(scenario).status().code(), Code::kInvalidArgument);
}

TEST_F(TransferGaugeTest, LinkAndLatencies) {
  const auto gauge = Open();
  const Result<LinkRates> link = gauge->MeasureLink();
  ASSERT_TRUE(link.ok()) << link.status().message();
  const LinkRates& rates = link.value();
  for (const double rate : {rates.to_device, rates.to_host, rates.both, rates.one_copy_to_device,
                            rates.one_copy_to_host}) {
    EXPECT_GT(rate, 0);
  }
  const Result<LatencySamples> latency = gauge->MeasureLatency(SmallScenario(), 20);
  ASSERT_TRUE(latency.ok()) << latency.status().message();
  EXPECT_EQ(latency.value().spinning.size(), 20);
  EXPECT_EQ(latency.value().waiting.size(), 20);
  EXPECT_EQ(latency.value().block_bytes, 4096 * 8);
}

TEST_F(TransferGaugeTest, NothingIsCheckedWhereNothingShallBe) {
  const auto gauge = Open();
  Scenario scenario = SmallScenario();
  scenario.verify = false;
  EXPECT_EQ(Measured(*gauge, scenario).checked_jobs, 0);
}

TEST_F(TransferGaugeTest, AFailedCopyEndsTheMeasurement) {
  const auto gauge = Open();
  Scenario scenario = SmallScenario();
  scenario.shape.plan = cuda::PlanChoice::kStaged;
  Measured(*gauge, scenario);
  fake_.fake_cuda_fail("cuLaunchKernel", 2, cuda::kErrorInvalidValue, 1);
  EXPECT_EQ(gauge->Measure(scenario).status().code(), Code::kDevice);
}

TEST_F(TransferGaugeTest, AGpuThatIsNotThereIsRefused) {
  GaugeOptions options = folder_.Options();
  options.ordinal = 2;
  EXPECT_EQ(TransferGauge::Open(options, &fake_.api()).status().code(), Code::kInvalidArgument);
}

TEST_F(TransferGaugeTest, ItIsGivenUpFromAnotherThreadAndLeavesNothing) {
  const auto gauge = Open();
  Scenario scenario = SmallScenario();
  scenario.repeats = 10'000;
  std::atomic<bool> began = false;
  std::thread other([&] {
    began.wait(false);
    gauge->Cancel();
  });
  began = true;
  began.notify_all();
  EXPECT_EQ(gauge->Measure(scenario).status().code(), Code::kCancelled);
  other.join();
  EXPECT_EQ(gauge->MeasureLink().status().code(), Code::kCancelled);
  EXPECT_EQ(folder_.Files(), 0);
}

TEST_F(TransferGaugeTest, AllMemoryIsGivenBack) {
  {
    const auto gauge = Open();
    Scenario scenario = SmallScenario();
    Measured(*gauge, scenario);
    scenario.beside_product = true;
    Measured(*gauge, scenario);
  }
  EXPECT_EQ(fake_.Open(), std::vector<std::string>{});
}

TEST(GpuFacts, AreWhatTheDriverSays) {
  const cuda::FakeDriver fake("gpus=2,memory_mib=512,name=Some GPU,version=12040,abort=1");
  const Result<DriverFacts> facts = ListGpus(&fake.api());
  ASSERT_TRUE(facts.ok()) << facts.status().message();
  EXPECT_EQ(facts.value().version, 12'040);
  ASSERT_EQ(facts.value().gpus.size(), 2);
  const GpuFacts& second = facts.value().gpus[1];
  EXPECT_EQ(second.ordinal, 1);
  EXPECT_EQ(second.name, "Some GPU");
  EXPECT_EQ(second.memory_bytes, std::uint64_t{512} << 20);
  EXPECT_EQ(second.uuid.size(), 40);
  EXPECT_EQ(second.pci_bus_id.size(), 12);
}

}  // namespace
}  // namespace pega::gauge
