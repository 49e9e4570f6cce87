// Scenario: one way to copy that is measured, and what came of it. Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gauge/block_order.h"
#include "gauge/copy_bed.h"

namespace pega::gauge {

enum class ScenarioDirection : std::uint8_t { kLoad, kStore, kBoth };

struct Scenario {
  ScenarioDirection direction = ScenarioDirection::kLoad;
  bool synchronous = true;  // loads; stores have one kind
  BedShape shape;
  Order device_order = Order::kRun, host_order = Order::kRun;
  std::uint32_t layers_per_group = 4;  // of loads; 0: one group
  // Fewer groups where a synchronous load would make more calls than a model's thread can spare.
  bool fit_groups = true;
  std::uint32_t repeats = 5;
  std::uint64_t seed = 1;
  bool verify = true;
  bool beside_product = false;  // of loads or stores
};

// One job alone.
struct JobSample {
  double seconds = 0;                    // from Submit until its end was seen
  double submit_seconds = 0;             // of the caller, in Submit
  double cpu_seconds = 0;                // of the whole process meanwhile
  std::uint64_t submit_driver_calls = 0;  // until Submit returned
  std::uint64_t driver_calls = 0;
  std::uint64_t staged_bytes = 0, direct_bytes = 0;
  double link_bytes_per_s = 0;  // a long copy just before it, the same direction
};

// Rows of jobs of both directions, each alone, then at once. Rates in bytes/s; those at once are over
// the time in which both ran.
struct BothSample {
  double load_alone = 0, store_alone = 0;
  double load = 0, store = 0;
  double link_both = 0;  // long copies both ways, just before
};

// The matrix product alone, then beside a row of jobs.
struct ProductSample {
  double alone_seconds = 0;
  double beside_seconds = 0;
  double covered = 0;           // share of the product's time in which the copies ran
  double copy_bytes_per_s = 0;  // while the product ran
  double link_bytes_per_s = 0;
};

struct Measurement {
  std::uint64_t job_bytes = 0;
  std::vector<std::uint32_t> group_ends;  // of loads
  std::vector<JobSample> jobs;
  std::vector<BothSample> both;
  std::vector<ProductSample> product;
  std::uint64_t checked_jobs = 0;
  WrongBytes wrong;
  BedFacts bed;
};

// One job of one block, seconds from Submit until its end was seen.
struct LatencySamples {
  std::vector<double> spinning;  // by a thread that looks all the time
  std::vector<double> waiting;   // by a thread that sleeps in WaitGroup
  std::uint64_t block_bytes = 0;
};

struct LinkRates {  // bytes/s
  double to_device = 0, to_host = 0, both = 0;
  double one_copy_to_device = 0, one_copy_to_host = 0;  // 0: the driver gave no memory for it
};

}  // namespace pega::gauge
