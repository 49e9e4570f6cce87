// A bed's copies are the bytes they must be, and bytes that are not are found: in slots, in blocks,
// at another's place, and where nothing was copied.
#include <gtest/gtest.h>

#include <atomic>

#include "cuda/fake_driver.h"
#include "gauge/copy_bed.h"
#include "gauge/job_run.h"
#include "gauge_folder.h"

namespace pega::gauge {
namespace {

constexpr BedShape kShape{.segment_bytes = 4096, .layers = 4, .slots = 20};

class CopyBedTest : public testing::Test {
 protected:
  CopyBedTest() {
    context_ = cuda::Context::RetainPrimary(fake_.api(), 1).value();
    slabs_ = OwnSlabs::Open(folder_.Slabs(), std::uint64_t{128} << 10).value();
    BedOptions options;
    options.shape = kShape;
    options.seed = 9;
    options.threads = 2;
    options.calibrate = false;
    Result<std::unique_ptr<CopyBed>> bed = CopyBed::Make(context_, *slabs_, options, cancelled_);
    EXPECT_TRUE(bed.ok()) << bed.status().message();
    bed_ = std::move(bed).value();
  }

  std::uint64_t WrongAfter(CopyDirection direction) {
    const Result<WrongBytes> wrong = bed_->Check(direction, Blocks(direction));
    EXPECT_TRUE(wrong.ok()) << wrong.status().message();
    first_ = wrong.value().first;
    return wrong.value().segments;
  }
  std::vector<BlockCopy> Blocks(CopyDirection direction) const {
    return bed_->Blocks(direction, Order::kShuffled, Order::kRuns16);
  }
  void Copy(CopyDirection direction, const std::vector<BlockCopy>& blocks) {
    JobSpec spec;
    spec.kind = direction == CopyDirection::kLoad ? JobKind::kLoadSync : JobKind::kStore;
    spec.blocks = blocks;
    JobRun job(std::move(spec), kShape.slot_bytes() * blocks.size(), kShape.layers);
    ASSERT_TRUE(job.Submit(bed_->engine()).ok());
    const Status ended = job.Wait(bed_->engine());
    ASSERT_TRUE(ended.ok()) << ended.message();
  }
  std::byte* SlotBytes(const SlotAddress& slot) {
    return slabs_->address(slot.slab_ordinal) + slot.offset_bytes();
  }

  GaugeFolder folder_;
  cuda::FakeDriver fake_;
  std::atomic<bool> cancelled_ = false;
  cuda::ContextPtr context_;
  std::unique_ptr<OwnSlabs> slabs_;
  std::unique_ptr<CopyBed> bed_;
  std::string first_;
};

TEST_F(CopyBedTest, CopiesAreRight) {
  for (const CopyDirection direction : {CopyDirection::kLoad, CopyDirection::kStore}) {
    ASSERT_TRUE(bed_->Clear(direction).ok());
    EXPECT_EQ(WrongAfter(direction), kShape.slots * kShape.layers);  // nothing was copied yet
    Copy(direction, Blocks(direction));
    EXPECT_EQ(WrongAfter(direction), 0) << first_;
  }
}

TEST_F(CopyBedTest, AWrongByteOfASlotIsFoundOnTheGpu) {
  const std::vector<BlockCopy> blocks = Blocks(CopyDirection::kLoad);
  SlotBytes(blocks[3].slot)[4096 + 100] ^= std::byte{4};  // layer 1
  Copy(CopyDirection::kLoad, blocks);
  EXPECT_EQ(WrongAfter(CopyDirection::kLoad), 1);
  EXPECT_EQ(first_, "device block " + std::to_string(blocks[3].device_block) + ", layer 1, byte 96");
}

TEST_F(CopyBedTest, AStoreToAnothersSlotIsFound) {
  ASSERT_TRUE(bed_->Clear(CopyDirection::kStore).ok());
  std::vector<BlockCopy> blocks = Blocks(CopyDirection::kStore);
  std::swap(blocks[0].slot, blocks[1].slot);
  Copy(CopyDirection::kStore, blocks);
  EXPECT_EQ(WrongAfter(CopyDirection::kStore), 2 * kShape.layers);
}

TEST_F(CopyBedTest, ABlockThatWasLeftOutIsFound) {
  ASSERT_TRUE(bed_->Clear(CopyDirection::kLoad).ok());
  std::vector<BlockCopy> blocks = Blocks(CopyDirection::kLoad);
  blocks.pop_back();
  Copy(CopyDirection::kLoad, blocks);
  EXPECT_EQ(WrongAfter(CopyDirection::kLoad), kShape.layers);
}

TEST_F(CopyBedTest, SlabsHaveNoNames) { EXPECT_EQ(folder_.Files(), 0); }

TEST_F(CopyBedTest, AShapeThatCantBeIsRefused) {
  for (const BedShape& shape : {BedShape{4096, 64, 1}, BedShape{4097, 1, 1}, BedShape{4096, 0, 1},
                                BedShape{4096, 1, 0}, BedShape{std::uint64_t{64} << 20, 1, 1}}) {
    BedOptions options;
    options.shape = shape;
    EXPECT_EQ(CopyBed::Make(context_, *slabs_, options, cancelled_).status().code(),
              Code::kInvalidArgument);
  }
}

TEST_F(CopyBedTest, MakingOneCanBeGivenUp) {
  cancelled_ = true;
  BedOptions options;
  options.shape = {.segment_bytes = 4096, .layers = 4, .slots = 200};  // needs more slabs
  EXPECT_EQ(CopyBed::Make(context_, *slabs_, options, cancelled_).status().code(),
            Code::kCancelled);
}

}  // namespace
}  // namespace pega::gauge
