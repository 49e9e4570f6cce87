#include "shared/mapping.h"

#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <utility>

#include "base/slot_address.h"
#include "shared/child.h"
#include "shared/temp_pool.h"

namespace pega {
namespace {

constexpr std::uint64_t kBytes = 8192;

class Mappings : public ::testing::Test {
 protected:
  Mappings() { EXPECT_EQ(::ftruncate(fd_.get(), kBytes), 0); }
  const TempPool pool_;
  const ScopedFd fd_ = Must(pool_.folder().CreateFile(pool_.folder().HeaderPath()));
};

// The line of /proc/self/smaps with the flags of the map that begins at the address.
std::string FlagsAt(const void* address) {
  char first[32];
  std::snprintf(first, sizeof(first), "%lx-", reinterpret_cast<unsigned long>(address));
  std::ifstream smaps("/proc/self/smaps");
  bool found = false;
  for (std::string line; std::getline(smaps, line);) {
    found = found || line.starts_with(first);
    if (found && line.starts_with("VmFlags:")) return line + " ";
  }
  return "";
}

TEST_F(Mappings, AreKeptOutOfForksAndDumps) {
  const Mapping mapping = Must(Mapping::Of(fd_.get(), kBytes, Access::kReadWrite));
  const std::string flags = FlagsAt(mapping.address());
  EXPECT_NE(flags.find(" dc "), std::string::npos) << flags;  // do not copy on fork
  EXPECT_NE(flags.find(" dd "), std::string::npos) << flags;  // do not dump
  EXPECT_EQ(mapping.bytes(), kBytes);
}

TEST_F(Mappings, ShowAPartOfTheFile) {
  const Mapping whole = Must(Mapping::Of(fd_.get(), kBytes, Access::kReadWrite));
  const Mapping second = Must(Mapping::Of(fd_.get(), 4096, Access::kRead, 4096));
  whole.address()[4096] = std::byte{42};
  EXPECT_EQ(second.address()[0], std::byte{42});
}

TEST_F(Mappings, OfSlabsLieWhereHugePagesFit) {
  constexpr std::uint64_t kBig = 3 * kHugePageBytes;
  ASSERT_EQ(::ftruncate(fd_.get(), kBig + kBytes), 0);
  const Mapping whole = Must(Mapping::OfSlab(fd_.get(), kBig, kPageBytes));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(whole.address()) % kHugePageBytes, 0u);
  const Mapping behind = Must(Mapping::OfSlab(fd_.get(), kBig, kPageBytes, kBytes));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(behind.address()) % kHugePageBytes, kBytes);
  whole.address()[kBytes] = std::byte{7};
  EXPECT_EQ(behind.address()[0], std::byte{7});
  EXPECT_NE(FlagsAt(whole.address()).find(" dc "), std::string::npos);
  const Mapping small = Must(Mapping::OfSlab(fd_.get(), kBytes, kPageBytes, kBytes));
  EXPECT_EQ(small.address()[0], std::byte{7});
}

TEST_F(Mappings, MoveAndLetGo) {
  Mapping first = Must(Mapping::Of(fd_.get(), kBytes, Access::kReadWrite));
  std::byte* const address = first.address();
  Mapping second = std::move(first);
  EXPECT_EQ(first.address(), nullptr);
  EXPECT_EQ(second.address(), address);
  first = std::move(second);
  EXPECT_EQ(first.address(), address);
  first.Reset();
  EXPECT_EQ(first.bytes(), 0u);
  EXPECT_EQ(FlagsAt(address), "");
}

TEST_F(Mappings, AForkedChildUnmapsNothingOfItsOwn) {
  Mapping mapping = Must(Mapping::Of(fd_.get(), kBytes, Access::kReadWrite));
  Child child([&](const Link&) {
    // Something else took the address, which the child does not have from its parent.
    void* const other = ::mmap(mapping.address(), kBytes, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    CHILD_REQUIRE(other == mapping.address());
    mapping.Reset();
    CHILD_REQUIRE(!FlagsAt(other).empty());
    return true;
  });
  EXPECT_TRUE(child.Succeeded());
}

TEST_F(Mappings, FailuresSayWhatFailed) {
  EXPECT_EQ(Mapping::Of(fd_.get(), 0, Access::kRead).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(Mapping::Of(-1, kBytes, Access::kRead).status().code(), Code::kIo);
}

}  // namespace
}  // namespace pega
