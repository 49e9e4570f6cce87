#include "shared/pool_folder.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <fstream>

#include "shared/temp_pool.h"

namespace pega {
namespace {

Code CreateCode(const FolderOptions& options) {
  const Result<PoolFolder> folder = PoolFolder::Create(options);
  return folder.ok() ? Code::kOk : folder.status().code();
}

std::string OwnGroupName() {
  const struct group* entry = ::getgrgid(::getegid());
  return entry == nullptr ? "" : entry->gr_name;
}

TEST(PoolFolder, MakesAFolderForTheUserAloneWhateverTheUmask) {
  for (const mode_t mask : {mode_t{0}, mode_t{077}, mode_t{0777}}) {
    const TempFolder temp;
    const mode_t before = ::umask(mask);
    const PoolFolder folder = Must(PoolFolder::Create({temp.path(), "", ""}));
    const ScopedFd fd = Must(folder.CreateFile(folder.HeaderPath()));
    ::umask(before);
    EXPECT_EQ(folder.path(), temp.UserFolder());
    EXPECT_EQ(folder.slab_path(), folder.path());
    EXPECT_EQ(ModeOf(folder.path()), 0700u);
    EXPECT_EQ(ModeOf(folder.HeaderPath()), 0600u);
    EXPECT_EQ(CreateCode({temp.path(), "", ""}), Code::kOk);  // again: the same folder
  }
}

TEST(PoolFolder, GroupWidensFolderAndFiles) {
  const std::string group = OwnGroupName();
  ASSERT_NE(group, "");
  const TempFolder temp;
  ASSERT_EQ(CreateCode({temp.path(), "", ""}), Code::kOk);
  const PoolFolder folder = Must(PoolFolder::Create({temp.path(), "", group}));
  EXPECT_EQ(ModeOf(folder.path()), 0770u);
  const ScopedFd fd = Must(folder.CreateFile(folder.HeaderPath()));
  EXPECT_EQ(ModeOf(folder.HeaderPath()), 0660u);
  EXPECT_EQ(CreateCode({temp.path(), "", group}), Code::kOk);
  // An engine takes over what it finds.
  EXPECT_EQ(Must(PoolFolder::Open(folder.path(), folder.slab_path())).file_mode(), 0660u);
  // Without the group the folder is open to more than was asked for.
  EXPECT_EQ(CreateCode({temp.path(), "", ""}), Code::kInvalidArgument);
}

TEST(PoolFolder, RefusesAnUnknownGroup) {
  const TempFolder temp;
  EXPECT_EQ(CreateCode({temp.path(), "", "no-such-group-of-pega"}), Code::kInvalidArgument);
  EXPECT_FALSE(Exists(temp.UserFolder()));
}

TEST(PoolFolder, RefusesAFolderThatOthersMayEnter) {
  for (const mode_t mode : {mode_t{0755}, mode_t{0770}, mode_t{0701}, mode_t{0500}}) {
    const TempFolder temp;
    ASSERT_EQ(::mkdir(temp.UserFolder().c_str(), 0700), 0);
    ASSERT_EQ(::chmod(temp.UserFolder().c_str(), mode), 0);
    EXPECT_EQ(CreateCode({temp.path(), "", ""}), Code::kInvalidArgument) << std::oct << mode;
    EXPECT_EQ(ModeOf(temp.UserFolder()), mode) << "it is not repaired silently";
  }
}

TEST(PoolFolder, RefusesASymbolicLinkAndAFile) {
  const TempFolder temp;
  ASSERT_EQ(::mkdir((temp.path() + "/elsewhere").c_str(), 0700), 0);
  ASSERT_EQ(::symlink("elsewhere", temp.UserFolder().c_str()), 0);
  EXPECT_EQ(CreateCode({temp.path(), "", ""}), Code::kInvalidArgument);
  const Result<PoolFolder> opened = PoolFolder::Open(temp.UserFolder(), temp.UserFolder());
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.status().code(), Code::kInvalidArgument);

  ASSERT_EQ(::unlink(temp.UserFolder().c_str()), 0);
  std::ofstream(temp.UserFolder()) << "a file";
  EXPECT_EQ(CreateCode({temp.path(), "", ""}), Code::kInvalidArgument);
}

TEST(PoolFolder, RefusesAMissingParentAndAFilesystemOnDisk) {
  const TempFolder temp;
  EXPECT_EQ(CreateCode({temp.path() + "/missing", "", ""}), Code::kNotFound);
  EXPECT_EQ(CreateCode({"/proc", "", ""}), Code::kUnsupported);
  EXPECT_EQ(CreateCode({temp.path(), "/proc", ""}), Code::kUnsupported);
}

TEST(PoolFolder, SlabsMayLieElsewhere) {
  const TempFolder temp;
  const TempFolder slabs;
  const PoolFolder folder = Must(PoolFolder::Create({temp.path(), slabs.path(), ""}));
  EXPECT_EQ(folder.slab_path(), slabs.UserFolder());
  EXPECT_EQ(folder.SlabPath(SomePool(0xab), 7, 0x12), slabs.UserFolder() + "/slab-" +
                                                          "abababababababababababababababab-7-"
                                                          "0000000000000012");
  EXPECT_EQ(folder.HeaderPath(), temp.UserFolder() + "/header");
}

TEST(PoolFolder, EngineOfAnotherHostIsTold) {
  const TempFolder temp;
  const Result<PoolFolder> opened = PoolFolder::Open(temp.UserFolder(), temp.UserFolder());
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.status().code(), Code::kNotSameHost);
}

TEST(PoolFolder, CreateFileNeverTakesWhatIsThere) {
  const TempPool pool;
  const std::string path = pool.folder().HeaderPath();
  ASSERT_EQ(::symlink("/dev/null", path.c_str()), 0);
  const Result<ScopedFd> created = pool.folder().CreateFile(path);
  ASSERT_FALSE(created.ok());
  EXPECT_EQ(created.status().code(), Code::kAlreadyExists);
  const Result<ScopedFd> opened = PoolFolder::OpenFile(path);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.status().code(), Code::kInvalidArgument);
}

TEST(PoolFolder, FindsTheFilesOfFormerPoolsAndNothingElse) {
  const TempFolder slabs;
  const TempFolder temp;
  const PoolFolder folder = Must(PoolFolder::Create({temp.path(), slabs.path(), ""}));
  const PoolId old_pool = SomePool(1), keep = SomePool(2);
  const std::vector<std::string> expected = {
      folder.HoldPath(old_pool, SomeEngine(3)),
      folder.HoldPath(old_pool, SomeEngine(4)) + ".new-0123456789abcdef",
      folder.MarksPath(old_pool),
      folder.SlabPath(old_pool, 0, 5),
      folder.SlabPath(old_pool, 8191, ~std::uint64_t{0}),
  };
  const std::vector<std::string> others = {
      folder.HeaderPath(),
      folder.MarksPath(keep),
      folder.HoldPath(keep, SomeEngine(3)),
      folder.SlabPath(keep, 0, 5),
      folder.MarksPath(old_pool) + "x",
      folder.SlabPath(old_pool, 0, 5) + "0",
      folder.HoldPath(old_pool, SomeEngine(3)) + ".old",
      folder.path() + "/slab-short-0-1",
      folder.path() + "/notes",
  };
  for (const std::string& path : expected) std::ofstream{path};
  for (const std::string& path : others) std::ofstream{path};
  std::vector<std::string> sorted = expected;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(Must(folder.FilesOfOtherPools(keep)), sorted);
}

}  // namespace
}  // namespace pega
