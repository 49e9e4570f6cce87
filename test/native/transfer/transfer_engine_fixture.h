// What the tests of TransferEngine stand on: an engine over a FakeDevice, which ends pieces when it is
// told to, and a list of the callbacks in their order.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "transfer/fake_device.h"
#include "transfer/transfer_engine.h"

namespace pega {

using namespace std::chrono_literals;
using Strings = std::vector<std::string>;
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr auto kSoon = 60s;  // a bound for hangs, never a measure

class TransferEngineTest : public testing::Test {
 protected:
  void Make(std::uint32_t layers, std::uint64_t layer_bytes, std::uint64_t blocks) {
    engine_ = TransferEngine::Create(
        std::make_unique<FakeDevice>(FakeLayout(layers, layer_bytes, blocks), control_));
  }
  JobId Submit(JobKind kind, std::uint32_t blocks, std::vector<std::uint32_t> group_ends = {}) {
    const auto job =
        engine_->Submit({.kind = kind,
                         .blocks = Blocks(blocks),
                         .group_ends = std::move(group_ends),
                         .on_group = [this](JobId id, std::uint32_t group, const Status& s) {
                           const std::lock_guard lock(ends_mutex_);
                           ends_.push_back(std::to_string(id) + "." + std::to_string(group) + " " +
                                           CodeName(s.code()));
                         }});
    EXPECT_TRUE(job.ok()) << job.status().message();
    return job.ok() ? job.value() : 0;
  }
  // Callbacks, in their order.
  Strings Ends() {
    const std::lock_guard lock(ends_mutex_);
    return ends_;
  }
  Code SubmitCode(JobSpec spec) { return engine_->Submit(std::move(spec)).status().code(); }

  std::shared_ptr<FakeControl> control_ = std::make_shared<FakeControl>();
  std::unique_ptr<TransferEngine> engine_;

 private:
  std::mutex ends_mutex_;  // of several jobs callbacks may come at once
  Strings ends_;
};

}  // namespace pega
