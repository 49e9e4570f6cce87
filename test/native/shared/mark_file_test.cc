#include "shared/mark_file.h"

#include <sys/stat.h>

#include "base/limits.h"
#include "base/slot_address.h"
#include "shared/temp_pool.h"

namespace pega {
namespace {

TEST(MarkFile, GenerationsRiseAndSealsComeAndGo) {
  const TempPool pool;
  const auto marks = Must(MarkFile::Create(pool.folder(), SomePool(1), kSlabBytesMin));
  EXPECT_EQ(marks->Generation(0, 0), 0u);
  EXPECT_FALSE(marks->Sealed(0, 0));
  EXPECT_EQ(marks->Reserve(0, 0), 1u);
  EXPECT_FALSE(marks->Sealed(0, 0));
  marks->Seal(0, 0);
  EXPECT_TRUE(marks->Sealed(0, 0));
  EXPECT_EQ(marks->Generation(0, 0), 1u);
  marks->Unseal(0, 0);
  EXPECT_FALSE(marks->Sealed(0, 0));
  EXPECT_EQ(marks->Generation(0, 0), 1u);
  marks->Seal(0, 0);
  EXPECT_EQ(marks->Reserve(0, 0), 2u);
  EXPECT_FALSE(marks->Sealed(0, 0)) << "reserved is unsealed";
  EXPECT_EQ(marks->Generation(0, 1), 0u);
  EXPECT_EQ(marks->Generation(1, 0), 0u);
}

TEST(MarkFile, ClearingASlabLeavesItsNeighboursAlone) {
  const TempPool pool;
  constexpr std::uint64_t kSlab = 10 * kPageBytes;  // regions of 80 bytes: many in a page
  const auto marks = Must(MarkFile::Create(pool.folder(), SomePool(1), kSlab));
  for (std::uint32_t ordinal = 0; ordinal < 120; ++ordinal) {
    for (std::uint32_t slot = 0; slot < 10; ++slot) {
      marks->Reserve(ordinal, slot);
      marks->Seal(ordinal, slot);
    }
  }
  for (const std::uint32_t ordinal : {1u, 51u, 8000u}) marks->ClearSlab(ordinal);  // 51: two pages
  for (std::uint32_t ordinal = 0; ordinal < 120; ++ordinal) {
    const bool cleared = ordinal == 1 || ordinal == 51;
    for (std::uint32_t slot = 0; slot < 10; ++slot) {
      EXPECT_EQ(marks->Generation(ordinal, slot), cleared ? 0u : 1u);
      EXPECT_EQ(marks->Sealed(ordinal, slot), !cleared);
    }
  }
  EXPECT_EQ(marks->Reserve(51, 3), 1u);
}

TEST(MarkFile, TheLargestPoolCostsOnlyWhatIsTouched) {
  const TempPool pool;
  const auto marks = Must(MarkFile::Create(pool.folder(), SomePool(1), kSlabBytesMax));
  for (const std::uint32_t ordinal : {0u, 4096u, kSlabOrdinalsMax - 1}) {
    EXPECT_EQ(marks->Generation(ordinal, 262143), 0u);  // reading costs nothing
    marks->ClearSlab(ordinal);
    EXPECT_EQ(marks->Reserve(ordinal, 262143), 1u);
  }
  struct stat found{};
  ASSERT_EQ(::stat(pool.folder().MarksPath(SomePool(1)).c_str(), &found), 0);
  EXPECT_LE(found.st_blocks * 512, 3 * 65536);
}

TEST(MarkFile, RefusesOddSlabsAndAFileThatIsThere) {
  const TempPool pool;
  for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{5000}, 2 * kSlabBytesMax}) {
    EXPECT_EQ(MarkFile::Create(pool.folder(), SomePool(1), bytes).status().code(),
              Code::kInvalidArgument);
  }
  ASSERT_TRUE(MarkFile::Create(pool.folder(), SomePool(1), kSlabBytesMin).ok());
  EXPECT_EQ(MarkFile::Create(pool.folder(), SomePool(1), kSlabBytesMin).status().code(),
            Code::kAlreadyExists);
}

}  // namespace
}  // namespace pega
