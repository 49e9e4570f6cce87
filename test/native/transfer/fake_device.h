// FakeDevice: a Device that copies nothing and ends pieces when the test says so.
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "transfer/device.h"

namespace pega {

inline BlockLayout FakeLayout(std::uint32_t layers, std::uint64_t layer_bytes,
                              std::uint64_t block_count) {
  std::vector<Allocation> allocations;
  std::vector<LayerSegment> segments;
  for (std::uint32_t i = 0; i < layers; ++i) {
    allocations.push_back(
        {.address = (i + std::uint64_t{1}) << 40, .bytes = layer_bytes * block_count});
    segments.push_back({i, i, 0, layer_bytes, layer_bytes});
  }
  return BlockLayout::Create(allocations, segments, block_count).value();
}

inline std::vector<BlockCopy> Blocks(std::uint32_t count, std::uint32_t first = 0) {
  std::vector<BlockCopy> blocks;
  for (std::uint32_t i = 0; i < count; ++i)
    blocks.push_back({.device_block = first + i, .slot = {0, i}});
  return blocks;
}

// What the test keeps when the engine owns the device.
class FakeControl {
 public:
  // "L0-4 ×10": a synchronous load of layers 0–3 of ten blocks; A asynchronous, S store.
  std::vector<std::string> started() const {
    const std::lock_guard lock(mutex_);
    return started_;
  }
  std::vector<std::uint64_t> held() const {  // streams, in order of HoldStream
    const std::lock_guard lock(mutex_);
    return held_;
  }
  std::size_t in_flight() const {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (const auto& queue : running_) count += queue.size();
    return count;
  }
  // Ends the oldest running piece of a kind; false if there is none.
  bool End(JobKind kind, Status status = Status::Ok()) {
    std::function<void(Status)> done;
    {
      const std::lock_guard lock(mutex_);
      auto& queue = running_[static_cast<std::size_t>(kind)];
      if (queue.empty()) return false;
      done = std::move(queue.front());
      queue.pop_front();
    }
    done(std::move(status));
    return true;
  }
  void EndAll() {
    while (End(JobKind::kLoadSync) || End(JobKind::kLoadAsync) || End(JobKind::kStore)) {
    }
  }

  bool end_at_once = false;  // within Start
  bool duplex = false;
  bool points = false;  // Start returns the piece's end
  std::array<std::uint32_t, 3> in_flight_max = {1, 1, 1};

 private:
  friend class FakeDevice;
  mutable std::mutex mutex_;
  std::vector<std::string> started_;
  std::vector<std::uint64_t> held_;
  std::array<std::deque<std::function<void(Status)>>, 3> running_;
};

class FakeDevice final : public Device {
 public:
  FakeDevice(BlockLayout layout, std::shared_ptr<FakeControl> control)
      : layout_(std::move(layout)), control_(std::move(control)) {}

  const BlockLayout& layout() const override { return layout_; }
  std::uint32_t pieces_in_flight_max(JobKind kind) const override {
    return control_->in_flight_max[static_cast<std::size_t>(kind)];
  }
  bool duplex() const override { return control_->duplex; }
  std::uint32_t slabs_ready() const override { return 0; }
  StreamPointPtr Start(const CopyPiece& piece, std::function<void(Status)> done) override {
    const std::size_t kind = static_cast<std::size_t>(piece.kind);
    {
      const std::lock_guard lock(control_->mutex_);
      control_->started_.push_back(std::string(1, "LAS"[kind]) + std::to_string(piece.first_layer) +
                                   "-" + std::to_string(piece.end_layer) + " ×" +
                                   std::to_string(piece.blocks.size()));
      if (!control_->end_at_once) {
        control_->running_[kind].push_back(std::move(done));
        return control_->points ? std::make_shared<StreamPoint>() : StreamPointPtr{};
      }
    }
    done(Status::Ok());
    return {};
  }
  Status HoldStream(std::uint64_t stream, const StreamPoint&) override {
    const std::lock_guard lock(control_->mutex_);
    control_->held_.push_back(stream);
    return Status::Ok();
  }

 private:
  const BlockLayout layout_;
  const std::shared_ptr<FakeControl> control_;
};

}  // namespace pega
