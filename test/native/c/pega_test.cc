#include "c/pega.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "c/pega_fixture.h"
#include "shared/pool_header.h"

namespace pega {
namespace {

TEST(Pega, NamesItsCodes) {
  EXPECT_EQ(pega_abi_version(), PEGA_ABI_VERSION);
  EXPECT_EQ(pega_shared_layout_version(), kSharedLayoutVersion);
  for (int code = PEGA_OK; code <= PEGA_DEVICE; ++code) {
    EXPECT_STREQ(pega_code_name(code), CodeName(static_cast<Code>(code)));
  }
  EXPECT_STREQ(pega_code_name(-1), "PEGA_UNKNOWN");
  EXPECT_STREQ(pega_code_name(PEGA_DEVICE + 1), "PEGA_UNKNOWN");
}

TEST_F(PegaTest, HoldsAndDropsUntilTheServerRestarts) {
  pega_memory* memory = Open();
  std::uint64_t value = 0;
  EXPECT_EQ(pega_memory_boot_number(memory, &value), PEGA_OK);
  EXPECT_EQ(value, pool_.header().boot_number());
  const pega_slot slots[] = {{0, 0}, {1, 4}};
  ASSERT_EQ(pega_memory_hold(memory, slots, 2, 16384), PEGA_OK) << pega_last_message();
  EXPECT_EQ(pega_memory_held_pages(memory, &value), PEGA_OK);
  EXPECT_EQ(value, 8U);
  EXPECT_EQ(pega_memory_drop(memory, slots, 1, 16384), PEGA_OK);
  EXPECT_EQ(pega_memory_drop(memory, slots, 2, 16384), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_memory_held_pages(memory, &value), PEGA_OK);
  EXPECT_EQ(value, 4U);

  ASSERT_TRUE(pool_.header().Begin(kSlabBytes).ok());
  EXPECT_EQ(pega_memory_hold(memory, slots, 1, 16384), PEGA_STALE_BOOT);
  EXPECT_STRNE(pega_last_message(), "");
  EXPECT_EQ(pega_memory_held_pages(memory, &value), PEGA_OK);
  EXPECT_EQ(value, 4U);
  EXPECT_EQ(pega_memory_close(memory), PEGA_OK);
}

TEST_F(PegaTest, OpensSlabsAndReportsReady) {
  pega_memory* memory = Open();
  std::uint32_t ready = 0;
  ASSERT_EQ(pega_memory_open_slabs(memory, &ready), PEGA_OK) << pega_last_message();
  EXPECT_EQ(ready, 2U);
  EXPECT_EQ(pega_memory_report_ready(memory, ready, 1), PEGA_OK);
  int all = -1;
  EXPECT_EQ(pega_memory_all_ranks_sync(memory, &all), PEGA_OK);
  EXPECT_EQ(all, 0) << "the scheduler's record is no rank's";
  pega_memory_options place = Place();
  place.record = 1;
  pega_memory* worker = nullptr;
  ASSERT_EQ(pega_memory_open(&place, &worker), PEGA_OK) << pega_last_message();
  EXPECT_EQ(pega_memory_report_ready(worker, ready, 1), PEGA_OK);
  EXPECT_EQ(pega_memory_all_ranks_sync(memory, &all), PEGA_OK);
  EXPECT_EQ(all, 1);
  std::uint64_t slabs = 99;
  EXPECT_EQ(pega_memory_ranks_ready(memory, &slabs, &all), PEGA_OK);
  EXPECT_EQ(slabs, 2U);
  EXPECT_EQ(all, 1);
  EXPECT_EQ(pega_memory_close(worker), PEGA_OK);
  EXPECT_EQ(pega_memory_ranks_ready(memory, &slabs, &all), PEGA_OK);
  EXPECT_EQ(slabs, 0U) << "the rank is gone";
  EXPECT_EQ(all, 0);
  EXPECT_EQ(pega_memory_close(memory), PEGA_OK);
}

TEST_F(PegaTest, AnyProcessOfTheEngineSeesWhetherASlotIsHeld) {
  pega_memory* memory = Open();
  pega_memory_options place = Place();
  place.record = 1;
  pega_memory* worker = nullptr;
  ASSERT_EQ(pega_memory_open(&place, &worker), PEGA_OK) << pega_last_message();
  int idle = -1;
  EXPECT_EQ(pega_memory_engine_idle(worker, &idle), PEGA_OK);
  EXPECT_EQ(idle, 1);
  const pega_slot slots[] = {{31, 1020}};  // the last bits of all
  ASSERT_EQ(pega_memory_hold(memory, slots, 1, 16384), PEGA_OK) << pega_last_message();
  EXPECT_EQ(pega_memory_engine_idle(worker, &idle), PEGA_OK);
  EXPECT_EQ(idle, 0);
  EXPECT_EQ(pega_memory_engine_idle(memory, &idle), PEGA_OK);
  EXPECT_EQ(idle, 0);

  ASSERT_TRUE(pool_.header().Begin(kSlabBytes).ok());
  EXPECT_EQ(pega_memory_engine_idle(worker, &idle), PEGA_OK);
  EXPECT_EQ(idle, 0) << "a restarted server ends no hold";
  EXPECT_EQ(pega_memory_drop(memory, slots, 1, 16384), PEGA_OK);
  EXPECT_EQ(pega_memory_engine_idle(worker, &idle), PEGA_OK);
  EXPECT_EQ(idle, 1);
  EXPECT_EQ(pega_memory_hold(memory, slots, 1, 16384), PEGA_STALE_BOOT);
  EXPECT_EQ(pega_memory_engine_idle(worker, &idle), PEGA_OK);
  EXPECT_EQ(idle, 1);
  EXPECT_EQ(pega_memory_close(worker), PEGA_OK);
  EXPECT_EQ(pega_memory_close(memory), PEGA_OK);
}

TEST_F(PegaTest, RefusesToOpenWhatRegisterDidNotDescribe) {
  pega_memory* memory = nullptr;
  pega_memory_options place = Place();
  place.boot_number += 1;
  EXPECT_EQ(pega_memory_open(&place, &memory), PEGA_STALE_BOOT);
  place = Place();
  place.pool_id[3] ^= 1;
  EXPECT_EQ(pega_memory_open(&place, &memory), PEGA_STALE_BOOT);
  place = Place();
  place.slab_bytes *= 2;
  EXPECT_EQ(pega_memory_open(&place, &memory), PEGA_INVALID_ARGUMENT);
  place = Place();
  place.folder_path = place.slab_path = "/nonexistent/pega-0";
  EXPECT_EQ(pega_memory_open(&place, &memory), PEGA_NOT_SAME_HOST) << pega_last_message();
  place.folder_path = nullptr;
  EXPECT_EQ(pega_memory_open(&place, &memory), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(memory, nullptr);
}

TEST_F(PegaTest, CopiesByGroups) {
  pega_memory* memory = Open();
  pega_transfer* transfer = Create(memory);
  std::uint64_t slot_bytes = 0;
  std::uint32_t layers = 0;
  EXPECT_EQ(pega_transfer_shape(transfer, &slot_bytes, &layers), PEGA_OK);
  EXPECT_EQ(slot_bytes, 16384U);
  EXPECT_EQ(layers, 2U);
  for (std::size_t i = 0; i < memory_.size(); ++i)
    memory_[i] = static_cast<std::uint8_t>(i / 8192 + 1);
  const std::vector<std::uint8_t> before = memory_;
  const std::vector<std::uint32_t> blocks = {0, 1, 2, 3, 4, 5, 6, 7};
  std::vector<pega_slot> slots;
  for (std::uint32_t i = 0; i < 8; ++i) slots.push_back({i % 2, i * 4});
  std::uint64_t job_id = 0;
  pega_job job = Job(PEGA_STORE, blocks, slots);
  ASSERT_EQ(pega_transfer_submit(transfer, &job, &job_id), PEGA_OK) << pega_last_message();
  ASSERT_EQ(pega_transfer_wait(transfer, job_id, 0, kSoonMs), PEGA_OK) << pega_last_message();
  std::fill(memory_.begin(), memory_.end(), std::uint8_t{0});
  const std::uint32_t group_ends[] = {1, 2};
  job.kind = PEGA_LOAD_SYNC;
  job.group_ends = group_ends;
  job.group_count = 2;
  ASSERT_EQ(pega_transfer_submit(transfer, &job, &job_id), PEGA_OK) << pega_last_message();
  EXPECT_EQ(pega_transfer_wait(transfer, job_id, 0, kSoonMs), PEGA_OK);
  EXPECT_EQ(pega_transfer_wait(transfer, job_id, 1, kSoonMs), PEGA_OK);
  EXPECT_EQ(memory_, before);
  pega_job_report report{.struct_bytes = sizeof(report), .done = 0, .groups_done = 0, .code = -1};
  EXPECT_EQ(pega_transfer_poll(transfer, job_id, &report), PEGA_OK);
  EXPECT_EQ(report.done, 1U);
  EXPECT_EQ(report.groups_done, 2U);
  EXPECT_EQ(report.code, PEGA_OK);
  EXPECT_EQ(pega_transfer_forget(transfer, job_id), PEGA_OK);
  EXPECT_EQ(pega_transfer_poll(transfer, job_id, &report), PEGA_NOT_FOUND);
  pega_transfer_stats stats{};
  stats.struct_bytes = sizeof(stats);
  EXPECT_EQ(pega_transfer_get_stats(transfer, &stats), PEGA_OK);
  EXPECT_EQ(stats.load_bytes_total, 131072U);
  EXPECT_EQ(stats.store_jobs_total, 1U);
  EXPECT_EQ(stats.struct_bytes, sizeof(stats));

  EXPECT_EQ(pega_memory_close(memory), PEGA_INVALID_ARGUMENT) << "a transfer is open";
  EXPECT_EQ(pega_transfer_close(transfer), PEGA_OK);
  EXPECT_EQ(pega_memory_close(memory), PEGA_OK);
}

TEST_F(PegaTest, TheHostHasNoStreamsAndNoBoundOfCalls) {
  pega_memory* memory = Open();
  pega_transfer* transfer = Create(memory);
  std::uint32_t slabs = 0;
  int possible = 0;
  EXPECT_EQ(pega_transfer_slabs_ready(transfer, &slabs), PEGA_OK);
  EXPECT_EQ(slabs, 2U);
  EXPECT_EQ(pega_transfer_sync_possible(transfer, &possible), PEGA_OK);
  EXPECT_EQ(possible, 1);

  const std::vector<std::uint32_t> blocks = {3};
  const std::vector<pega_slot> slots = {{0, 0}};
  const std::uint64_t stream = 0;
  pega_job job = Job(PEGA_LOAD_SYNC, blocks, slots);
  job.after_stream = &stream;
  std::uint64_t job_id = 0;
  EXPECT_EQ(pega_transfer_submit(transfer, &job, &job_id), PEGA_UNSUPPORTED);
  job.after_stream = nullptr;
  ASSERT_EQ(pega_transfer_submit(transfer, &job, &job_id), PEGA_OK) << pega_last_message();
  EXPECT_EQ(pega_transfer_stream_wait(transfer, job_id + 1, 0, stream), PEGA_NOT_FOUND);
  EXPECT_EQ(pega_transfer_wait(transfer, job_id, 0, kSoonMs), PEGA_OK);

  std::uint32_t ends[2] = {};
  std::uint64_t count = 0;
  const auto fit = [&](std::uint32_t layers_per_group) {
    return pega_transfer_fit_groups(transfer, blocks.data(), slots.data(), 1, layers_per_group, 1,
                                    ends, &count);
  };
  EXPECT_EQ(fit(1), PEGA_OK);
  EXPECT_EQ(count, 2U);
  EXPECT_EQ(ends[0], 1U);
  EXPECT_EQ(ends[1], 2U);
  EXPECT_EQ(fit(7), PEGA_OK);
  EXPECT_EQ(count, 1U);
  EXPECT_EQ(ends[0], 2U);
  EXPECT_EQ(fit(0), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_transfer_close(transfer), PEGA_OK);
  EXPECT_EQ(pega_memory_close(memory), PEGA_OK);
}

TEST_F(PegaTest, TakesOptionsAndJobsOfOlderCallers) {
  pega_memory* memory = Open();
  pega_transfer_options shape = Shape();
  shape.struct_bytes = 48;
  shape.device = 77;  // beyond what such a caller has
  pega_transfer* transfer = nullptr;
  ASSERT_EQ(pega_transfer_create(memory, &shape, &transfer), PEGA_OK) << pega_last_message();
  const std::vector<std::uint32_t> blocks = {3};
  const std::vector<pega_slot> slots = {{0, 0}};
  pega_job job = Job(PEGA_STORE, blocks, slots);
  job.struct_bytes = 48;
  job.after_stream = reinterpret_cast<const std::uint64_t*>(8);
  std::uint64_t job_id = 0;
  ASSERT_EQ(pega_transfer_submit(transfer, &job, &job_id), PEGA_OK) << pega_last_message();
  pega_transfer_stats stats{};
  stats.struct_bytes = 64;
  stats.slab_code = -7;
  EXPECT_EQ(pega_transfer_get_stats(transfer, &stats), PEGA_OK);
  EXPECT_EQ(stats.slab_code, -7);
  EXPECT_EQ(pega_transfer_close(transfer), PEGA_OK);
  EXPECT_EQ(pega_memory_close(memory), PEGA_OK);
}

TEST_F(PegaTest, AFailedJobHasItsCodeAndMessage) {
  pega_memory* memory = Open();
  pega_transfer* transfer = Create(memory);
  const std::vector<std::uint32_t> blocks = {3};
  const std::vector<pega_slot> nowhere = {{17, 0}};
  const pega_job job = Job(PEGA_LOAD_ASYNC, blocks, nowhere);
  std::uint64_t job_id = 0;
  ASSERT_EQ(pega_transfer_submit(transfer, &job, &job_id), PEGA_OK) << pega_last_message();
  EXPECT_EQ(pega_transfer_wait(transfer, job_id, 0, kSoonMs), PEGA_NOT_FOUND);
  pega_job_report report{.struct_bytes = sizeof(report), .done = 0, .groups_done = 0, .code = 0};
  EXPECT_EQ(pega_transfer_poll(transfer, job_id, &report), PEGA_OK);
  EXPECT_EQ(report.code, PEGA_NOT_FOUND);
  EXPECT_STRNE(pega_last_message(), "");
  EXPECT_EQ(pega_transfer_close(transfer), PEGA_OK);
  EXPECT_EQ(pega_memory_close(memory), PEGA_OK);
}

TEST_F(PegaTest, RefusesBadJobsAndLayouts) {
  pega_memory* memory = Open();
  pega_transfer* transfer = nullptr;
  pega_transfer_options shape = Shape();
  segments_[1].offset_bytes = 8192;
  EXPECT_EQ(pega_transfer_create(memory, &shape, &transfer), PEGA_INVALID_ARGUMENT);
  EXPECT_NE(std::string(pega_last_message()).find("overlap"), std::string::npos);
  shape = Shape();
  shape.segments = nullptr;
  EXPECT_EQ(pega_transfer_create(memory, &shape, &transfer), PEGA_INVALID_ARGUMENT);
  shape = Shape();
  shape.segment_count = std::uint64_t{1} << 60;
  EXPECT_EQ(pega_transfer_create(memory, &shape, &transfer), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(transfer, nullptr);

  transfer = Create(memory);
  const std::vector<std::uint32_t> blocks = {3};
  const std::vector<pega_slot> slots = {{0, 0}};
  std::uint64_t job_id = 77;
  const auto refused = [&](void (*spoil)(pega_job&)) {
    pega_job job = Job(PEGA_STORE, blocks, slots);
    spoil(job);
    return pega_transfer_submit(transfer, &job, &job_id) == PEGA_INVALID_ARGUMENT;
  };
  EXPECT_TRUE(refused([](pega_job& job) { job.kind = 3; }));
  EXPECT_TRUE(refused([](pega_job& job) { job.slots = nullptr; }));
  EXPECT_TRUE(refused([](pega_job& job) { job.block_count = 0; }));
  EXPECT_TRUE(refused([](pega_job& job) { job.block_count = std::uint64_t{1} << 40; }));
  EXPECT_TRUE(refused([](pega_job& job) { job.group_count = 1; }));
  EXPECT_TRUE(refused([](pega_job& job) { job.struct_bytes = 0; }));
  EXPECT_EQ(job_id, 77U);
  EXPECT_EQ(pega_transfer_close(transfer), PEGA_OK);
  EXPECT_EQ(pega_memory_close(memory), PEGA_OK);
}

TEST_F(PegaTest, TakesStructsOfNewerCallers) {
  struct Newer {
    pega_memory_options known;
    std::uint64_t unknown;
  } newer{Place(), 0};
  newer.known.struct_bytes = sizeof(newer);
  pega_memory* memory = nullptr;
  ASSERT_EQ(pega_memory_open(&newer.known, &memory), PEGA_OK) << pega_last_message();
  EXPECT_EQ(pega_memory_close(memory), PEGA_OK);
  newer.unknown = 1;
  EXPECT_EQ(pega_memory_open(&newer.known, &memory), PEGA_INVALID_ARGUMENT);
  newer.known.struct_bytes = sizeof(pega_memory_options) - 8;
  EXPECT_EQ(pega_memory_open(&newer.known, &memory), PEGA_INVALID_ARGUMENT);

  memory = Open();
  pega_transfer* transfer = Create(memory);
  struct NewerStats {
    pega_transfer_stats known;
    std::uint64_t unknown;
  } stats{{}, 5};
  stats.known.struct_bytes = sizeof(stats);
  EXPECT_EQ(pega_transfer_get_stats(transfer, &stats.known), PEGA_OK);
  EXPECT_EQ(stats.unknown, 0U);
  EXPECT_EQ(stats.known.struct_bytes, sizeof(stats));
  EXPECT_EQ(pega_transfer_close(transfer), PEGA_OK);
  EXPECT_EQ(pega_memory_close(memory), PEGA_OK);
}

TEST(Pega, NullIsRefusedEverywhereButInClose) {
  EXPECT_EQ(pega_memory_open(nullptr, nullptr), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_memory_boot_number(nullptr, nullptr), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_memory_hold(nullptr, nullptr, 0, 1), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_memory_drop(nullptr, nullptr, 0, 1), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_memory_held_pages(nullptr, nullptr), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_memory_open_slabs(nullptr, nullptr), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_memory_report_ready(nullptr, 0, 0), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_memory_all_ranks_sync(nullptr, nullptr), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_memory_ranks_ready(nullptr, nullptr, nullptr), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_memory_engine_idle(nullptr, nullptr), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_transfer_create(nullptr, nullptr, nullptr), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_transfer_shape(nullptr, nullptr, nullptr), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_transfer_slabs_ready(nullptr, nullptr), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_transfer_sync_possible(nullptr, nullptr), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_transfer_stream_wait(nullptr, 1, 0, 0), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_transfer_fit_groups(nullptr, nullptr, nullptr, 0, 1, 1, nullptr, nullptr),
            PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_transfer_submit(nullptr, nullptr, nullptr), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_transfer_wait(nullptr, 1, 0, 0), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_transfer_poll(nullptr, 1, nullptr), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_transfer_forget(nullptr, 1), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_transfer_get_stats(nullptr, nullptr), PEGA_INVALID_ARGUMENT);
  EXPECT_EQ(pega_memory_close(nullptr), PEGA_OK);
  EXPECT_EQ(pega_transfer_close(nullptr), PEGA_OK);
}

TEST(Pega, MessagesBelongToThreads) {
  EXPECT_EQ(pega_transfer_wait(nullptr, 1, 0, 0), PEGA_INVALID_ARGUMENT);
  const std::string mine = pega_last_message();
  EXPECT_NE(mine, "");
  std::string other = "unset";
  std::thread([&] { other = pega_last_message(); }).join();
  EXPECT_EQ(other, "");
  EXPECT_EQ(pega_last_message(), mine);
}

}  // namespace
}  // namespace pega
