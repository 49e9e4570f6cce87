// GaugeFolder: a folder of its own under /dev/shm, gone with the object, and options for small
// measurements in it.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "gauge/transfer_gauge.h"

namespace pega::gauge {

class GaugeFolder {
 public:
  GaugeFolder() {
    char name[] = "/dev/shm/pega-test-XXXXXX";
    EXPECT_NE(::mkdtemp(name), nullptr);
    root_ = name;
  }
  ~GaugeFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  GaugeFolder(const GaugeFolder&) = delete;
  GaugeFolder& operator=(const GaugeFolder&) = delete;

  OwnSlabsOptions Slabs() const {
    OwnSlabsOptions options;
    options.folder.pool_dir = root_;
    options.threads = 2;
    return options;
  }
  GaugeOptions Options() const {
    GaugeOptions options;
    options.slabs = Slabs();
    options.slab_bytes = std::uint64_t{1} << 20;
    options.link_bytes = std::uint64_t{1} << 20;
    options.product_size = 128;
    options.row_seconds = 0.005;
    options.threads = 2;
    options.calibrate = false;
    return options;
  }
  // Files below the folder.
  std::size_t Files() const {
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
      if (entry.is_regular_file()) ++files;
    }
    return files;
  }

 private:
  std::string root_;
};

inline Scenario SmallScenario() {
  Scenario scenario;
  scenario.shape = {.segment_bytes = 4096, .layers = 8, .slots = 40};
  scenario.repeats = 3;
  return scenario;
}

}  // namespace pega::gauge
