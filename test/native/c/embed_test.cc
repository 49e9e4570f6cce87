// The C program of docs/embedding.md as a process of its own on a real pool folder.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "c/run_program.h"
#include "shared/hold_view.h"
#include "transfer/test_pool.h"

namespace pega {
namespace {

constexpr std::uint64_t kSlabBytes = std::uint64_t{4} << 20;
constexpr std::uint32_t kOrdinals = 32;

std::string EmbedCommand(TestPool& pool, std::uint64_t boot) {
  return PEGA_EMBED " " + pool.folder().path() + " " +
         ToHex(pool.header().pool_id().data(), kPoolIdBytes) + " " + std::to_string(boot) + " " +
         std::to_string(kSlabBytes) + " " + std::to_string(kOrdinals);
}

TEST(Embed, StoresLoadsAndCompares) {
  TestPool pool(kSlabBytes, 2);
  const ProgramEnd end = RunProgram(EmbedCommand(pool, pool.header().boot_number()));
  EXPECT_EQ(end.exit_code, 0) << end.output;
  EXPECT_EQ(end.output, "262144 bytes came back equal\n");
  // Layer i of its block is full of i + 1, and the bytes are really in the slab.
  for (std::uint8_t layer = 0; layer < 4; ++layer) {
    std::vector<std::uint8_t> bytes(65536);
    const iovec target{bytes.data(), bytes.size()};
    ASSERT_TRUE(pool.slab(0).Read(layer * 65536U, std::span(&target, 1)).ok());
    EXPECT_EQ(std::count(bytes.begin(), bytes.end(), layer + 1), 65536);
  }
}

TEST(Embed, LeavesNoHoldBehind) {
  TestPool pool(kSlabBytes, 1);
  ASSERT_EQ(RunProgram(EmbedCommand(pool, pool.header().boot_number())).exit_code, 0);
  const EngineId engine = {1};
  const Nonce nonce = {2};
  const auto view = HoldView::Open(pool.folder(), pool.header().pool_id(), engine, 1,
                                   kOrdinals * (kSlabBytes / kPageBytes));
  ASSERT_TRUE(view.ok()) << view.status().message();
  EXPECT_EQ(view.value()->HeldPages(), 0U);
  EXPECT_FALSE(view.value()->AnyAlive());
  EXPECT_FALSE(view.value()->Proves(0, nonce));
  EXPECT_TRUE(view.value()->RemoveIfDead().value());
}

TEST(Embed, SaysWhatFailed) {
  TestPool pool(kSlabBytes, 1);
  const std::uint64_t boot = pool.header().boot_number();
  ProgramEnd end = RunProgram(EmbedCommand(pool, boot + 1));
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_EQ(end.output.rfind("open: PEGA_STALE_BOOT: ", 0), 0U) << end.output;
  std::filesystem::resize_file(pool.SlabPath(0), kPageBytes);
  end = RunProgram(EmbedCommand(pool, boot));
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_EQ(end.output.rfind("wait: PEGA_SLAB_CHANGED: ", 0), 0U) << end.output;
}

}  // namespace
}  // namespace pega
