#include "shared/slab_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <thread>
#include <vector>

#include "shared/child.h"
#include "shared/slab_io.h"
#include "shared/temp_pool.h"

namespace pega {
namespace {

constexpr std::uint64_t kSlab = std::uint64_t{1} << 20;
constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

class SlabFiles : public ::testing::Test {
 protected:
  const PoolFolder& folder() const { return pool_.folder(); }
  Result<std::unique_ptr<SlabFile>> Create(std::uint64_t bytes = kSlab) const {
    return SlabFile::Create(folder(), pool_id_, 3, bytes);
  }
  Result<std::unique_ptr<SlabFile>> Open(const SlabRecord& record,
                                         std::uint64_t bytes = kSlab) const {
    return SlabFile::Open(folder(), pool_id_, 3, bytes, record);
  }
  std::string PathOf(const SlabFile& slab) const {
    return folder().SlabPath(pool_id_, 3, slab.record().slab_id);
  }
  std::uint64_t FileCount() const {
    const std::filesystem::directory_iterator files(folder().path());
    return static_cast<std::uint64_t>(std::distance(begin(files), end(files)));
  }

  const TempPool pool_;
  const PoolId pool_id_ = SomePool(1);
};

iovec Part(std::vector<std::uint8_t>& bytes, std::size_t first, std::size_t count) {
  return {bytes.data() + first, count};
}

std::vector<std::uint8_t> Pattern(std::size_t count) {
  std::vector<std::uint8_t> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
  return bytes;
}

TEST_F(SlabFiles, FillTakesAllMemoryAndKeepsWhatIsThere) {
  const auto slab = Must(Create());
  EXPECT_EQ(slab->record().page_bytes, kPageBytes);
  EXPECT_NE(slab->record().slab_id, 0u);
  struct stat found{};
  ASSERT_EQ(::fstat(slab->fd(), &found), 0);
  EXPECT_EQ(found.st_blocks, 0);
  EXPECT_EQ(ModeOf(PathOf(*slab)), 0600u);
  std::vector<std::uint8_t> bytes = Pattern(100);
  ASSERT_EQ(::pwrite(slab->fd(), bytes.data(), bytes.size(), 50), 100);
  std::vector<std::thread> threads;  // ranges of one slab may be filled at once
  for (std::uint64_t quarter = 0; quarter < 4; ++quarter) {
    threads.emplace_back(
        [&, quarter] { EXPECT_TRUE(slab->Fill(quarter * kSlab / 4, kSlab / 4).ok()); });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(::fstat(slab->fd(), &found), 0);
  EXPECT_EQ(found.st_blocks * 512, static_cast<std::int64_t>(kSlab));
  std::vector<std::uint8_t> read(100);
  const iovec target = Part(read, 0, 100);
  ASSERT_TRUE(slab->Read(50, {&target, 1}).ok());
  EXPECT_EQ(read, bytes);
  EXPECT_TRUE(slab->CheckUnchanged().ok());
}

TEST_F(SlabFiles, FillWantsWholePagesWithinTheSlab) {
  const auto slab = Must(Create());
  const std::pair<std::uint64_t, std::uint64_t> wrong[] = {
      {0, 0}, {0, 5000}, {100, 4096}, {0, 2 * kSlab}, {kSlab, 4096}, {4096, ~std::uint64_t{4095}}};
  for (const auto& [offset, bytes] : wrong) {
    EXPECT_EQ(slab->Fill(offset, bytes).code(), Code::kInvalidArgument) << offset << " " << bytes;
  }
}

TEST_F(SlabFiles, MoreThanTheFolderHoldsIsNoSpaceAndNotASignal) {
  struct statvfs found{};
  ASSERT_EQ(::statvfs(folder().path().c_str(), &found), 0);
  // Allocating, tmpfs compares a range with its size before it takes a page: nothing is used up by
  // this.
  const std::uint64_t bytes = (std::uint64_t{found.f_blocks} * found.f_frsize / kSlab + 1) * kSlab +
                              (std::uint64_t{1} << 40);
  const auto slab = Must(Create(bytes));
  EXPECT_EQ(slab->Fill(0, bytes, {.allocate_first = true}).code(), Code::kNoSpace);
  struct stat after{};
  ASSERT_EQ(::fstat(slab->fd(), &after), 0);
  EXPECT_EQ(after.st_blocks, 0);
}

TEST_F(SlabFiles, ALimitOfTheProcessIsNoSpaceAndLeavesNoFile) {
  Child limited([&](const Link&) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{kSlab / 2, kSlab / 2};
    CHILD_REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHILD_REQUIRE(Create().status().code() == Code::kNoSpace);
    return true;
  });
  EXPECT_TRUE(limited.Succeeded());
  EXPECT_EQ(FileCount(), 0u);
}

TEST_F(SlabFiles, OddSizesAreRefusedAndLeaveNoFile) {
  EXPECT_EQ(Create(0).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(Create(5000).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(FileCount(), 0u);
}

TEST_F(SlabFiles, ScattersAndGathersThousandsOfParts) {
  const auto slab = Must(Create());
  ASSERT_TRUE(slab->Fill(0, kSlab).ok());
  std::vector<std::uint8_t> source = Pattern(600'000);
  std::vector<std::uint8_t> target(source.size());
  std::vector<iovec> gather, scatter;
  for (std::size_t at = 0, i = 0; at < source.size(); ++i) {
    const std::size_t count = std::min(i % 13 == 0 ? 0 : i % 401, source.size() - at);
    gather.push_back(Part(source, at, count));
    at += count;
  }
  for (std::size_t at = 0; at < target.size(); at += 173) {
    scatter.push_back(Part(target, at, std::min<std::size_t>(173, target.size() - at)));
  }
  ASSERT_GT(gather.size(), 3000u);
  ASSERT_GT(scatter.size(), 3000u);
  ASSERT_TRUE(slab->Write(4096, gather).ok());
  const auto other = Must(Open(slab->record()));  // another opening, the same bytes
  ASSERT_TRUE(other->Read(4096, scatter).ok());
  EXPECT_EQ(target, source);
  EXPECT_TRUE(slab->Read(0, {}).ok()) << "nothing is fine";
}

TEST_F(SlabFiles, CopiesStayWithinTheSlab) {
  const auto slab = Must(Create());
  ASSERT_TRUE(slab->Fill(0, kSlab).ok());
  std::vector<std::uint8_t> bytes(4096);
  const iovec part = Part(bytes, 0, bytes.size());
  EXPECT_TRUE(slab->Write(kSlab - 4096, {&part, 1}).ok());
  EXPECT_EQ(slab->Write(kSlab - 4095, {&part, 1}).code(), Code::kInvalidArgument);
  EXPECT_EQ(slab->Read(kSlab, {&part, 1}).code(), Code::kInvalidArgument);
  EXPECT_EQ(slab->Read(~std::uint64_t{0}, {&part, 1}).code(), Code::kInvalidArgument);
  const iovec huge[2] = {{bytes.data(), ~std::size_t{0}}, {bytes.data(), 2}};
  EXPECT_EQ(slab->Read(0, huge).code(), Code::kInvalidArgument);
  EXPECT_TRUE(slab->CheckUnchanged().ok());
}

TEST_F(SlabFiles, ATruncatedSlabIsAnErrorEverywhere) {
  const auto slab = Must(Create());
  ASSERT_TRUE(slab->Fill(0, kSlab).ok());
  const auto engine = Must(Open(slab->record()));
  ASSERT_EQ(::truncate(PathOf(*slab).c_str(), kSlab / 2), 0);
  std::vector<std::uint8_t> bytes(8192);
  const iovec part = Part(bytes, 0, bytes.size());
  EXPECT_EQ(engine->Read(kSlab / 2, {&part, 1}).code(), Code::kSlabChanged);
  EXPECT_EQ(engine->Read(kSlab / 2 - 4096, {&part, 1}).code(), Code::kSlabChanged);
  EXPECT_EQ(engine->Write(kSlab - 8192, {&part, 1}).code(), Code::kSlabChanged);
  EXPECT_EQ(slab->CheckUnchanged().code(), Code::kSlabChanged);
  EXPECT_EQ(slab->Fill(0, kSlab).code(), Code::kSlabChanged);
  EXPECT_EQ(Open(slab->record()).status().code(), Code::kSlabChanged);
  struct stat found{};
  ASSERT_EQ(::fstat(slab->fd(), &found), 0);
  EXPECT_EQ(found.st_size, static_cast<std::int64_t>(kSlab / 2)) << "nobody made it longer again";
}

TEST_F(SlabFiles, AShortFileEndsACopyThatHadBegun) {
  const auto slab = Must(Create());
  ASSERT_TRUE(slab->Fill(0, kSlab).ok());
  ASSERT_EQ(::truncate(PathOf(*slab).c_str(), 5000), 0);
  std::vector<std::uint8_t> bytes(8192);
  const iovec part = Part(bytes, 0, bytes.size());
  // What the size check before a copy may have missed, the copy itself finds.
  EXPECT_EQ(ReadRange(slab->fd(), "slab", 0, {&part, 1}).code(), Code::kSlabChanged);
}

TEST_F(SlabFiles, HolesAreNeverReadAsZeroes) {
  for (const bool punched : {true, false}) {
    const auto slab = Must(Create());
    ASSERT_TRUE(slab->Fill(0, kSlab).ok());
    const auto engine = Must(Open(slab->record()));
    if (punched) {
      ASSERT_EQ(::fallocate(slab->fd(), kPunch, 8192, 4096), 0);
    } else {
      ASSERT_EQ(::truncate(PathOf(*slab).c_str(), kSlab - 8192), 0);
      ASSERT_EQ(::truncate(PathOf(*slab).c_str(), kSlab), 0);
    }
    std::vector<std::uint8_t> bytes(4096);
    const iovec part = Part(bytes, 0, bytes.size());
    EXPECT_EQ(engine->Read(0, {&part, 1}).code(), Code::kSlabChanged) << punched;
    EXPECT_EQ(engine->Write(0, {&part, 1}).code(), Code::kSlabChanged) << punched;
    EXPECT_EQ(slab->CheckUnchanged().code(), Code::kSlabChanged) << punched;
    slab->Unlink();
  }
}

TEST_F(SlabFiles, ADeletedOrReplacedSlabIsFoundOut) {
  const auto slab = Must(Create());
  const std::string path = PathOf(*slab);
  ASSERT_EQ(::unlink(path.c_str()), 0);
  EXPECT_EQ(slab->CheckUnchanged().code(), Code::kSlabChanged);
  EXPECT_EQ(Open(slab->record()).status().code(), Code::kSlabChanged);

  std::ofstream{path};
  ASSERT_EQ(::truncate(path.c_str(), kSlab), 0);  // of the right size
  EXPECT_EQ(slab->CheckUnchanged().code(), Code::kSlabChanged);
  EXPECT_EQ(Open(slab->record()).status().code(), Code::kSlabChanged);
  slab->Unlink();
  EXPECT_TRUE(Exists(path)) << "it is not ours to remove";

  ASSERT_EQ(::unlink(path.c_str()), 0);
  ASSERT_EQ(::symlink("/dev/null", path.c_str()), 0);
  EXPECT_EQ(slab->CheckUnchanged().code(), Code::kSlabChanged);
  EXPECT_EQ(Open(slab->record()).status().code(), Code::kSlabChanged);
}

TEST_F(SlabFiles, OpenComparesWithTheRecord) {
  const auto slab = Must(Create());
  SlabRecord record = slab->record();
  EXPECT_TRUE(Open(record).ok());
  EXPECT_EQ(Open(record, 2 * kSlab).status().code(), Code::kSlabChanged);
  ++record.inode;
  EXPECT_EQ(Open(record).status().code(), Code::kSlabChanged);
  record = slab->record();
  record.page_bytes = 2 << 20;
  EXPECT_EQ(Open(record).status().code(), Code::kSlabChanged);
  slab->Unlink();
  EXPECT_EQ(FileCount(), 0u);
}

TEST_F(SlabFiles, ABadAddressIsAnErrorOfTheCall) {
  const auto slab = Must(Create());
  ASSERT_TRUE(slab->Fill(0, kSlab).ok());
  const iovec nowhere{reinterpret_cast<void*>(8), 4096};
  EXPECT_EQ(ReadRange(slab->fd(), "slab", 0, {&nowhere, 1}).code(), Code::kIo);
}

TEST(SlabIo, MemoryIsCopiedAsFilesAre) {
  std::vector<std::uint8_t> source = Pattern(10'000);
  std::vector<std::byte> memory(source.size());
  const iovec gather[3] = {Part(source, 0, 10), Part(source, 10, 0), Part(source, 10, 9'990)};
  CopyToMemory(memory.data(), gather);
  std::vector<std::uint8_t> target(source.size());
  const iovec scatter[2] = {Part(target, 0, 7'000), Part(target, 7'000, 3'000)};
  CopyFromMemory(memory.data(), scatter);
  EXPECT_EQ(target, source);
}

}  // namespace
}  // namespace pega
