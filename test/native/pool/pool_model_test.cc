// Random schedules against PoolModel: every answer and every count must be the model's.
#include "pool/pool_model.h"

#include <random>

#include "pool/pool_fixture.h"

namespace pega {
namespace {

constexpr int kChains = 24;
constexpr int kChainBlocks = 40;
constexpr int kSharedBlocks = 8;  // chains in groups of four begin alike

int Node(int chain, int position) {
  return position < kSharedBlocks ? chain / 4 * 1000 + position : (100 + chain) * 1000 + position;
}

Hashes HashesOf(const std::vector<int>& nodes) {
  Hashes hashes(nodes.size() * 32);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    std::memcpy(hashes.data() + i * 32 + 13, &nodes[i], sizeof(int));
  }
  return hashes;
}

class PoolModelTest : public PoolFixture, public ::testing::WithParamInterface<std::uint64_t> {
 protected:
  void SetUp() override {
    random_.seed(GetParam());
    RecordProperty("seed", static_cast<int>(GetParam()));
    Open(2);  // 128 slots of 128 KiB in each slab
    engines_ = {NewEngineOf({128 << 10}), NewEngine(0), NewEngine(0)};
  }

  std::uint32_t Below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }
  std::vector<int> Part(int chain, int from, int count) {
    std::vector<int> nodes;
    for (int i = from; i < std::min(from + count, kChainBlocks); ++i)
      nodes.push_back(Node(chain, i));
    return nodes;
  }

  void DoLookup() {
    const std::vector<int> nodes = Part(static_cast<int>(Below(kChains)), 0, kChainBlocks);
    ASSERT_EQ(Lookup(engines_[0], HashesOf(nodes)), model_.Lookup(nodes));
  }
  void DoLease(std::size_t engine) {
    const int from = Below(3) == 0 ? static_cast<int>(Below(20)) : 0;
    const std::vector<int> nodes =
        Part(static_cast<int>(Below(kChains)), from, 1 + static_cast<int>(Below(kChainBlocks)));
    const std::uint64_t id = next_id_++;
    const std::uint32_t granted = Lease(engines_[engine], id, HashesOf(nodes));
    ASSERT_EQ(granted, model_.Lease(engine, id, nodes));
    for (std::uint32_t i = 0; i < granted; ++i) {
      ASSERT_EQ(slots_[i], slot_of_[model_.Find(nodes[i]).get()]);  // the slot that was sealed
    }
  }
  void DoRelease(std::size_t engine) {
    auto& leases = model_.engine(engine).leases;
    if (leases.empty()) return;
    const std::uint64_t id =
        std::next(leases.begin(), Below(static_cast<std::uint32_t>(leases.size())))->first;
    const std::uint32_t budget = Below(4) == 0 ? 1 + Below(10) : 1000;
    ASSERT_EQ(Release(engines_[engine], id, budget), model_.Release(engine, id, budget));
  }
  void DoReserve(std::size_t engine) {
    const int chain = static_cast<int>(Below(kChains));
    const int from = Below(2) == 0 ? 0 : static_cast<int>(Below(kChainBlocks - 1));
    std::vector<int> nodes = Part(chain, from, 1 + static_cast<int>(Below(kChainBlocks)));
    if (Below(10) == 0) nodes.push_back(nodes.front());
    const int parent = from == 0 || Below(5) == 0 ? -1 : Node(chain, from - 1);
    const std::uint64_t id = next_id_++;
    const Reserved reserved = Reserve(engines_[engine], id, HashesOf(nodes), true,
                                      parent < 0 ? Hashes{} : HashesOf({parent}));
    ASSERT_TRUE(reserved.status.ok());
    std::vector<ReserveOutcome> expected = model_.Reserve(engine, id, parent, nodes);
    // A repeated hash whose first place found no room: the model sees it in flight.
    if (nodes.size() > 1 && nodes.back() == nodes.front() &&
        expected.front() == ReserveOutcome::kFull) {
      expected.back() = ReserveOutcome::kFull;
    }
    ASSERT_EQ(reserved.outcomes, expected);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      generations_[{id, static_cast<std::uint32_t>(i)}] = reserved.slots[i].generation;
      if (expected[i] != ReserveOutcome::kSlot) continue;
      slot_of_[model_.Find(nodes[i]).get()] = reserved.slots[i].address;
    }
  }
  void DoEnd(std::size_t engine) {
    auto& reservations = model_.engine(engine).reservations;
    if (reservations.empty()) return;
    const auto chosen =
        std::next(reservations.begin(), Below(static_cast<std::uint32_t>(reservations.size())));
    const std::uint64_t id = chosen->first;
    std::vector<std::uint32_t> indices, all;
    std::vector<std::uint64_t> generations;
    for (std::uint32_t i = 0; i < chosen->second.size(); ++i) {
      all.push_back(i);
      if (!chosen->second[i].block || Below(4) == 0) continue;
      indices.push_back(i);
      generations.push_back(generations_[{id, i}]);
    }
    const std::uint32_t way = Below(8);
    if (way == 0) {
      ASSERT_TRUE(pool_->Abandon(engines_[engine], id, indices).ok());
      model_.Abandon(engine, id, indices);
      return;
    }
    const Result<std::uint32_t> sealed = pool_->Seal(engines_[engine], id, {indices, generations});
    ASSERT_TRUE(sealed.ok()) << sealed.status().message();
    ASSERT_EQ(sealed.value(), model_.Seal(engine, id, indices));
    if (way < 3) return;
    ASSERT_TRUE(pool_->AbandonAll(engines_[engine], id, 1000).value());
    model_.Abandon(engine, id, all);
    reservations.erase(id);
  }

  void Compare() {
    const PoolStats stats = pool_->stats();
    std::uint64_t sealed = 0, reserved = 0, pinned = 0;
    for (const auto& [node, block] : model_.blocks()) {
      ++(block->sealed ? sealed : reserved);
      pinned += block->pins > 0;
    }
    ASSERT_EQ(stats.blocks_sealed, sealed);
    ASSERT_EQ(stats.blocks_reserved, reserved);
    ASSERT_EQ(stats.blocks_pinned, pinned);
    ASSERT_EQ(stats.evicted_total, model_.evicted());
    for (std::size_t i = 0; i < engines_.size(); ++i) {
      ASSERT_EQ(pool_->engines()[i].held_bytes, model_.engine(i).uses.size() * (128 << 10));
    }
  }

  std::mt19937_64 random_;
  PoolModel model_{256, 3};
  std::vector<EngineHandle> engines_;
  std::map<const ModelBlock*, SlotAddress> slot_of_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, std::uint64_t> generations_;
  std::uint64_t next_id_ = 1;
};

TEST_P(PoolModelTest, AnswersAsTheModel) {
  for (int step = 0; step < 3000; ++step) {
    SCOPED_TRACE("seed " + std::to_string(GetParam()) + " step " + std::to_string(step));
    const std::size_t engine = Below(3);
    switch (Below(9)) {
      case 0: DoLookup(); break;
      case 1:
      case 2: DoLease(engine); break;
      case 3:
      case 4: DoRelease(engine); break;
      case 5:
      case 6: DoReserve(engine); break;
      default: DoEnd(engine); break;
    }
    if (HasFatalFailure()) return;
    Compare();
    if (HasFatalFailure()) return;
    if (step % 64 == 0) ExpectSound();
  }
  ExpectSound();
}

INSTANTIATE_TEST_SUITE_P(Seeds, PoolModelTest, ::testing::Values(1, 2, 3, 4, 5, 6));

}  // namespace
}  // namespace pega
