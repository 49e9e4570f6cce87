// PoolModel: what a pool of one namespace and one slot class must do, in plain lists and maps.
//
// Slow and obvious: blocks are objects, the recency order is a std::list, an engine's held blocks
// are a std::set. It knows no slots, slabs, hashes or ids of blocks. pool_model_test.cc compares.
#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "pool/pool.h"

namespace pega {

struct ModelBlock {
  int node = 0;  // which block it is
  bool sealed = false, alive = true;
  int pins = 0;
  std::shared_ptr<ModelBlock> parent;
};
using ModelRef = std::shared_ptr<ModelBlock>;

struct ModelLease {
  std::vector<ModelRef> blocks;
  ModelRef ancestor;
  bool ending = false;
};

struct ModelPosition {
  ModelRef block;
  bool in_flight = false;
};

struct ModelEngine {
  std::map<std::uint64_t, ModelLease> leases;
  std::map<std::uint64_t, std::vector<ModelPosition>> reservations;
  std::map<ModelRef, int> uses;
};

class PoolModel {
 public:
  PoolModel(std::size_t capacity, std::size_t engines) : capacity_(capacity), engines_(engines) {}

  std::vector<std::uint8_t> Lookup(const std::vector<int>& nodes) {
    std::vector<std::uint8_t> sealed(nodes.size());
    for (std::size_t i = nodes.size(); i-- > 0;) {
      const ModelRef block = Find(nodes[i]);
      sealed[i] = block && block->sealed;
      if (sealed[i]) Touch(block);
    }
    return sealed;
  }

  std::uint32_t Lease(std::size_t engine, std::uint64_t id, const std::vector<int>& nodes) {
    ModelEngine& owner = engines_[engine];
    ModelLease& lease = owner.leases[id];
    std::uint32_t granted = 0;
    for (const int node : nodes) {
      const ModelRef block = Find(node);
      if (!block || !block->sealed) break;
      if (!owner.uses.contains(block) && owner.uses.size() + 1 > capacity_ / 2) break;
      ++owner.uses[block];
      recency_.remove(block);
      ++block->pins;
      lease.blocks.push_back(block);
      ++granted;
    }
    return granted;
  }

  bool Release(std::size_t engine, std::uint64_t id, std::uint32_t budget) {
    const auto found = engines_[engine].leases.find(id);
    if (found == engines_[engine].leases.end()) return true;
    ModelLease& lease = found->second;
    lease.ending = true;
    for (; budget > 0 && !lease.blocks.empty(); --budget) {
      const ModelRef block = lease.blocks.back();
      lease.blocks.pop_back();
      if (lease.blocks.empty()) lease.ancestor = block->parent;
      DropUse(engine, block);
      if (--block->pins == 0) recency_.push_front(block);
    }
    if (!lease.blocks.empty()) return false;
    for (; lease.ancestor && lease.ancestor->alive; --budget) {
      if (budget == 0) return false;
      Touch(lease.ancestor);
      lease.ancestor = lease.ancestor->parent;
    }
    engines_[engine].leases.erase(found);
    return true;
  }

  std::vector<ReserveOutcome> Reserve(std::size_t engine, std::uint64_t id, int parent_node,
                                      const std::vector<int>& nodes) {
    ModelEngine& owner = engines_[engine];
    std::vector<ReserveOutcome> outcomes(nodes.size(), ReserveOutcome::kFull);
    std::vector<ModelPosition> positions(nodes.size());
    std::size_t allowed = capacity_ / 2 - owner.uses.size();
    std::vector<std::size_t> fresh;
    ModelRef before = parent_node < 0 ? nullptr : Find(parent_node);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      ModelRef block = Find(nodes[i]);
      if (block) {
        outcomes[i] = block->sealed ? ReserveOutcome::kSealed : ReserveOutcome::kInFlight;
      } else if (allowed > 0) {
        --allowed;
        block = std::make_shared<ModelBlock>();
        block->node = nodes[i];
        block->parent = before;
        blocks_[nodes[i]] = block;
        fresh.push_back(i);
        positions[i] = {block, true};
        outcomes[i] = ReserveOutcome::kSlot;
      }
      before = block;
    }
    while (blocks_.size() > capacity_ && !recency_.empty()) Evict(recency_.back());
    while (blocks_.size() > capacity_) {  // the last ones find no room
      const std::size_t i = fresh.back();
      fresh.pop_back();
      Forget(positions[i].block);
      positions[i] = {};
      outcomes[i] = ReserveOutcome::kFull;
    }
    for (const std::size_t i : fresh) ++owner.uses[positions[i].block];
    owner.reservations[id] = std::move(positions);
    return outcomes;
  }

  std::uint32_t Seal(std::size_t engine, std::uint64_t id,
                     const std::vector<std::uint32_t>& indices) {
    std::uint32_t sealed = 0;
    for (const std::uint32_t index : indices) {
      ModelPosition& position = engines_[engine].reservations[id][index];
      if (!position.in_flight) continue;
      position.in_flight = false;
      const ModelRef block = position.block;
      DropUse(engine, block);
      block->sealed = true;
      const auto above = std::find(recency_.begin(), recency_.end(), block->parent);
      recency_.insert(above == recency_.end() ? recency_.begin() : std::next(above), block);
      ++sealed;
    }
    return sealed;
  }

  void Abandon(std::size_t engine, std::uint64_t id, const std::vector<std::uint32_t>& indices) {
    for (const std::uint32_t index : indices) {
      ModelPosition& position = engines_[engine].reservations[id][index];
      if (!position.in_flight) continue;
      DropUse(engine, position.block);
      Forget(position.block);
      position = {};
    }
  }

  ModelRef Find(int node) const {
    const auto found = blocks_.find(node);
    return found == blocks_.end() ? nullptr : found->second;
  }
  ModelEngine& engine(std::size_t index) { return engines_[index]; }
  const std::map<int, ModelRef>& blocks() const { return blocks_; }
  std::uint64_t evicted() const { return evicted_; }

 private:
  void Touch(const ModelRef& block) {
    const auto at = std::find(recency_.begin(), recency_.end(), block);
    if (at != recency_.end()) recency_.splice(recency_.begin(), recency_, at);
  }
  void DropUse(std::size_t engine, const ModelRef& block) {
    if (--engines_[engine].uses[block] == 0) engines_[engine].uses.erase(block);
  }
  void Evict(const ModelRef block) {
    recency_.remove(block);
    Forget(block);
    ++evicted_;
  }
  void Forget(const ModelRef block) {
    block->alive = false;
    blocks_.erase(block->node);
  }

  const std::size_t capacity_;
  std::vector<ModelEngine> engines_;
  std::map<int, ModelRef> blocks_;
  std::list<ModelRef> recency_;  // warmest first: sealed blocks without pins
  std::uint64_t evicted_ = 0;
};

}  // namespace pega
