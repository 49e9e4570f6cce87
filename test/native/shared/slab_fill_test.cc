// How slabs get their memory: with huge pages in a tmpfs that gives them, and on a node.
#include "shared/slab_fill.h"

#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

#include "shared/child.h"
#include "shared/numa.h"
#include "shared/slab_file.h"
#include "shared/temp_pool.h"

namespace pega {
namespace {

constexpr std::uint64_t kSlab = 8 * kHugePageBytes;

std::unique_ptr<SlabFile> Create(const PoolFolder& folder) {
  return Must(SlabFile::Create(folder, SomePool(1), 0, kSlab));
}

std::int64_t MemoryOf(const SlabFile& slab) {
  struct stat found{};
  EXPECT_EQ(::fstat(slab.fd(), &found), 0);
  return found.st_blocks * 512;
}

TEST(SlabFills, WithoutAllocatingFirstAllMemoryIsThere) {
  const TempPool pool;
  const auto slab = Create(pool.folder());
  ASSERT_TRUE(slab->Fill(0, kSlab / 2, {.allocate_first = false}).ok());
  EXPECT_EQ(slab->CheckWhole().code(), Code::kSlabChanged);
  ASSERT_TRUE(slab->Fill(kSlab / 2, kSlab / 2, {.allocate_first = false}).ok());
  EXPECT_EQ(MemoryOf(*slab), static_cast<std::int64_t>(kSlab));
  EXPECT_TRUE(slab->CheckWhole().ok());
}

TEST(SlabFills, HugePagesThatTheFolderDoesNotGiveAreSmallOnes) {
  const TempPool pool;
  const auto slab = Create(pool.folder());
  ASSERT_TRUE(slab->Fill(0, kSlab, {.huge_pages = true}).ok());
  EXPECT_EQ(MemoryOf(*slab), static_cast<std::int64_t>(kSlab));
}

bool WriteText(const char* path, const std::string& text) {
  std::ofstream file(path);
  return static_cast<bool>(file << text << std::flush);
}

// Who may not mount may do so as the only user of a user namespace, unless that is forbidden too.
bool OwnMounts() {
  if (::unshare(CLONE_NEWNS) == 0) return true;
  const std::string user = std::to_string(::geteuid());
  return ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
         WriteText("/proc/self/uid_map", "0 " + user + " 1");
}

// Puts a tmpfs onto the folder, seen by this process alone. False, and the reason on stderr: a
// container forbids all mounts, or the kernel is built without huge pages.
bool MountOwn(const std::string& folder, const char* options) {
  if (OwnMounts() && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
      ::mount("pega-test", folder.c_str(), "tmpfs", 0, options) == 0) {
    return true;
  }
  const int why = errno;
  std::fprintf(stderr, "not tried: a tmpfs with %s: %s\n", options, std::strerror(why));
  if (why != EPERM && why != EACCES && why != EINVAL) ::_exit(1);
  return false;
}

TEST(SlabFills, HugePagesOfATmpfsThatGivesThem) {
  const TempFolder temp;
  Child child([&](const Link&) {
    if (!MountOwn(temp.path(), "huge=advise,size=64m")) return true;
    const PoolFolder folder = Must(PoolFolder::Create({temp.path(), "", ""}));
    const auto slab = Create(folder);
    CHILD_REQUIRE(slab->Fill(0, kSlab, {.huge_pages = true}).ok());
    CHILD_REQUIRE(slab->pages() == SlabPages::kHugeShmem);
    CHILD_REQUIRE(slab->CheckWhole().ok());
    const auto small = Must(SlabFile::Create(folder, SomePool(1), 1, kSlab));
    CHILD_REQUIRE(small->Fill(0, kSlab).ok());
    CHILD_REQUIRE(small->pages() == SlabPages::kSmall);
    return true;
  });
  EXPECT_TRUE(child.Succeeded());
}

TEST(SlabFills, HugePagesBeyondTheFolderAreNoSpaceAndNotASignal) {
  const TempFolder temp;
  Child child([&](const Link&) {
    if (!MountOwn(temp.path(), "huge=advise,size=8m")) return true;
    const auto slab = Create(Must(PoolFolder::Create({temp.path(), "", ""})));
    CHILD_REQUIRE(slab->Fill(0, kSlab, {.huge_pages = true}).code() == Code::kNoSpace);
    CHILD_REQUIRE(slab->Fill(0, kSlab, {.allocate_first = false}).code() == Code::kNoSpace);
    return true;
  });
  EXPECT_TRUE(child.Succeeded());
}

TEST(SlabFills, TheNodeIsThePolicyOfTheRange) {
  const TempPool pool;
  const auto slab = Create(pool.folder());
  const Status node = CheckNodes(std::vector<std::uint32_t>{0});
  if (!node.ok()) {  // a container may forbid mbind
    std::fprintf(stderr, "not tried: memory of node 0: %s\n", node.message().c_str());
    EXPECT_EQ(node.code(), Code::kUnsupported);
    return;
  }
  ASSERT_TRUE(slab->Fill(0, kSlab, {.numa_nodes = {0}}).ok());
  EXPECT_EQ(MemoryOf(*slab), static_cast<std::int64_t>(kSlab));
  // The file keeps it: another mapping shows it.
  const Mapping mapping = Must(Mapping::OfSlab(slab->fd(), kSlab, kPageBytes));
  int policy = -1;
  unsigned long mask[16] = {};
  ASSERT_EQ(
      ::syscall(SYS_get_mempolicy, &policy, mask, 8 * sizeof(mask), mapping.address(), MPOL_F_ADDR),
      0);
  EXPECT_EQ(policy, MPOL_PREFERRED);
  EXPECT_EQ(mask[0], 1u);
}

TEST(SlabFills, NodesThatAreNotThereAreRefused) {
  EXPECT_EQ(CheckNodes(std::vector<std::uint32_t>{1000}).code(), Code::kUnsupported);
  EXPECT_EQ(CheckNodes(std::vector<std::uint32_t>{5000}).code(), Code::kInvalidArgument);
  EXPECT_TRUE(CheckNodes({}).ok());
  const TempPool pool;
  EXPECT_EQ(Create(pool.folder())->Fill(0, kSlab, {.numa_nodes = {1000}}).code(),
            Code::kUnsupported);
}

TEST(SlabFills, AThreadStaysWhereItMayBe) {
  Child child([](const Link&) {
    cpu_set_t before, after;
    CHILD_REQUIRE(::sched_getaffinity(0, sizeof(before), &before) == 0);
    RunOnNodes(std::vector<std::uint32_t>{1000});
    RunOnNodes({});
    CHILD_REQUIRE(::sched_getaffinity(0, sizeof(after), &after) == 0 && CPU_EQUAL(&before, &after));
    RunOnNodes(std::vector<std::uint32_t>{0});
    CHILD_REQUIRE(::sched_getaffinity(0, sizeof(after), &after) == 0 && CPU_COUNT(&after) > 0);
    return true;
  });
  EXPECT_TRUE(child.Succeeded());
}

}  // namespace
}  // namespace pega
