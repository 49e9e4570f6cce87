// Missing waits between streams, found by the fake driver in whatever order the work ran.
#include <gtest/gtest.h>

#include <thread>

#include "fake_gpu.h"

namespace pega::cuda {
namespace {

constexpr std::size_t kBytes = 4096;

struct FakeRaces : testing::Test {
  FakeGpu gpu{FakeDriver::kLenient};

  void Load(const Stream& stream, std::size_t at = 0) const {
    ASSERT_EQ(gpu.api.MemcpyHtoDAsync(gpu.Device(at), gpu.Host(at), kBytes, stream.get()),
              kSuccess);
  }
  void Store(const Stream& stream, std::size_t at = 0, std::size_t host_at = 0) const {
    ASSERT_EQ(gpu.api.MemcpyDtoHAsync(gpu.Host(host_at), gpu.Device(at), kBytes, stream.get()),
              kSuccess);
  }
  void Drain() const {
    gpu.Await(gpu.a);
    gpu.Await(gpu.b);
  }
};

TEST_F(FakeRaces, AMissingWaitIsFoundHoweverItRan) {
  Load(gpu.a);
  const Event end = gpu.MakeRecorded(gpu.a);  // and nobody waits for it
  Store(gpu.b, 0, kBytes);
  Drain();
  ASSERT_EQ(gpu.fake.Misuse().size(), 1u);
  const std::string sentence = gpu.fake.Misuse()[0];
  EXPECT_NE(sentence.find("race: #1 cuMemcpyHtoDAsync_v2 on stream "), std::string::npos);
  EXPECT_NE(sentence.find(" and #3 cuMemcpyDtoHAsync_v2 on stream "), std::string::npos);
}

TEST_F(FakeRaces, AWaitOrders) {
  Load(gpu.a);
  const Event end = gpu.MakeRecorded(gpu.a);
  ASSERT_EQ(gpu.api.StreamWaitEvent(gpu.b.get(), end.get(), 0), kSuccess);
  Store(gpu.b, 0, kBytes);
  Drain();
  EXPECT_TRUE(gpu.fake.Misuse().empty());
}

TEST_F(FakeRaces, AWaitForAnEarlierRecordOrdersOnlyWhatWasBefore) {
  const Event early = gpu.MakeRecorded(gpu.a);
  Load(gpu.a);
  ASSERT_EQ(gpu.api.StreamWaitEvent(gpu.b.get(), early.get(), 0), kSuccess);
  Load(gpu.b);
  Drain();
  EXPECT_TRUE(gpu.FoundMisuse("race: "));
}

TEST_F(FakeRaces, OrderGoesThroughOtherStreams) {
  const Stream between = MakeStream(gpu.context, false).value();
  Load(gpu.a);
  const Event first = gpu.MakeRecorded(gpu.a);
  ASSERT_EQ(gpu.api.StreamWaitEvent(between.get(), first.get(), 0), kSuccess);
  const Event second = gpu.MakeRecorded(between);
  ASSERT_EQ(gpu.api.StreamWaitEvent(gpu.b.get(), second.get(), 0), kSuccess);
  Store(gpu.b, 0, kBytes);
  Drain();
  EXPECT_TRUE(gpu.fake.Misuse().empty());
}

TEST_F(FakeRaces, TheHostsWaitOrders) {
  Load(gpu.a);
  const Event end = gpu.MakeRecorded(gpu.a);
  ASSERT_EQ(gpu.api.EventSynchronize(end.get()), kSuccess);
  Store(gpu.b, 0, kBytes);
  gpu.Await(gpu.b);
  Load(gpu.a);
  Drain();
  EXPECT_TRUE(gpu.fake.Misuse().empty());
}

// The end has come, but nobody asked: by luck alone.
TEST_F(FakeRaces, AnEndThatNobodyAskedForOrdersNothing) {
  Load(gpu.a);
  while (!gpu.fake.Pending().empty()) std::this_thread::yield();
  Store(gpu.b, 0, kBytes);
  Drain();
  EXPECT_TRUE(gpu.FoundMisuse("race: "));
}

TEST_F(FakeRaces, ReadersAndNeighboursAreNoRace) {
  Store(gpu.a, 0, 0);
  Store(gpu.b, 0, kBytes);  // the same bytes read twice
  Load(gpu.a, 2 * kBytes);
  Load(gpu.b, 3 * kBytes);  // neighbours
  Drain();
  EXPECT_TRUE(gpu.fake.Misuse().empty());
}

TEST_F(FakeRaces, HostBytesCountToo) {
  Store(gpu.a, 0, 0);
  Store(gpu.b, kBytes, kBytes - 1);
  Drain();
  EXPECT_TRUE(gpu.FoundMisuse("race: "));
}

TEST_F(FakeRaces, InterleavedRowsAreNoRaceButMeetingOnesAre) {
  CudaMemcpy2D rows{};
  rows.src_memory_type = kMemoryHost;
  rows.src_host = gpu.Host();
  rows.src_pitch = 256;
  rows.dst_memory_type = kMemoryDevice;
  rows.dst_device = gpu.Device();
  rows.dst_pitch = 256;
  rows.width_bytes = 128;
  rows.height = 100;
  ASSERT_EQ(gpu.api.Memcpy2DAsync(&rows, gpu.a.get()), kSuccess);
  rows.src_x_bytes = rows.dst_x_bytes = 128;
  ASSERT_EQ(gpu.api.Memcpy2DAsync(&rows, gpu.b.get()), kSuccess);
  EXPECT_TRUE(gpu.fake.Misuse().empty());
  rows.dst_x_bytes = 127;
  const Stream third = MakeStream(gpu.context, false).value();
  ASSERT_EQ(gpu.api.Memcpy2DAsync(&rows, third.get()), kSuccess);
  EXPECT_EQ(gpu.fake.Misuse().size(), 2u);  // with each of the two before
  gpu.Await(third);
  Drain();
}

}  // namespace
}  // namespace pega::cuda
