// The file that keeps a calibration: what is written is read back, and nothing else is believed.
#include "cuda/plan/calibration_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>

namespace pega::cuda {
namespace {

const CalibrationKey kKey = {.gpu = "Some GPU (GPU-1)", .file_name = "GPU-1", .driver_version = 13};

CostModel Measured() {
  CostModel cost;
  cost.direction[0].link_bytes_per_s = 54'321'987'654.0;
  cost.direction[1].pitched_bytes_per_s[9] = 1e9;
  cost.copy_seconds = 0.123456789e-6;
  return cost;
}

std::string With(const std::string& from, const std::string& to) {
  std::string text = FormatCalibration(kKey, Measured());
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

class Folder {
 public:
  Folder() { EXPECT_NE(::mkdtemp(path_), nullptr); }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + ("/" + name); }

 private:
  char path_[32] = "/tmp/pega-calibration-XXXXXX";
};

TEST(CalibrationFile, ReadsWhatItWrites) {
  const Result<CostModel> cost = ParseCalibration(kKey, FormatCalibration(kKey, Measured()));
  ASSERT_TRUE(cost.ok()) << cost.status().message();
  EXPECT_EQ(cost.value().direction[0].link_bytes_per_s, 54'321'987'654.0);
  EXPECT_EQ(cost.value().direction[1].pitched_bytes_per_s[9], 1e9);
  EXPECT_NEAR(cost.value().copy_seconds, 0.123457e-6, 1e-15);
}

TEST(CalibrationFile, RefusesAnyOtherText) {
  const std::string whole = FormatCalibration(kKey, Measured());
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    EXPECT_FALSE(ParseCalibration(kKey, whole.substr(0, bytes)).ok()) << bytes;
  }
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"pega-calibration 1", "pega-calibration 2"},
           {"Some GPU", "Other GPU"},
           {"driver 13", "driver 14"},
           {"54321987654", "0"},
           {"54321987654", "-54321987654"},
           {"54321987654", "54321987654.5"},
           {"54321987654", "5e10"},
           {"54321987654", "99999999999999"},
           {"54321987654", "99999999999999999999999999"},
           {"54321987654", "999999"},
           {"54321987654", "nan"},
           {"54321987654", ""},
           {"54321987654", " 54321987654"},
           {"54321987654", "54321987654 "},
           {"copy_ps 123457", "copy_ps 0"},
           {"copy_ps 123457", "copy_ps 100000000001"},
           {"copy_ps", "copy_us"},
           {"to_host_link", "to_device_link"},
           {"staged_ps", "staged_ps 1\nstaged_ps"}}) {
    EXPECT_FALSE(ParseCalibration(kKey, With(from, to)).ok()) << from << " -> " << to;
  }
  EXPECT_FALSE(ParseCalibration(kKey, whole + "\n").ok());
}

TEST(CalibrationFile, KnowsNumbersThatNoGpuHas) {
  EXPECT_TRUE(IsPlausible(Measured()));
  for (const double odd : {0.0, -1.0, std::numeric_limits<double>::infinity(),
                           std::numeric_limits<double>::quiet_NaN()}) {
    CostModel cost;
    cost.direction[1].staged_bytes_per_s = odd;
    EXPECT_FALSE(IsPlausible(cost)) << odd;
    cost = CostModel{};
    cost.call_seconds = odd;
    EXPECT_FALSE(IsPlausible(cost)) << odd;
  }
}

TEST(CalibrationFile, IsPutThereAsAWholeInAPrivateFolder) {
  const Folder folder;
  const std::string deep = folder / "a/b/pega";
  ASSERT_TRUE(WriteCalibration(deep, kKey, CostModel{}).ok());
  ASSERT_TRUE(WriteCalibration(deep, kKey, Measured()).ok());
  struct stat facts = {};
  ASSERT_EQ(::stat(deep.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0700U);
  ASSERT_EQ(::stat((deep + "/GPU-1").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(deep), {}), 1);
  const Result<CostModel> cost = ReadCalibration(deep + "/GPU-1", kKey);
  ASSERT_TRUE(cost.ok()) << cost.status().message();
  EXPECT_EQ(cost.value().direction[0].link_bytes_per_s, 54'321'987'654.0);
}

TEST(CalibrationFile, ReadsOnlySmallFilesOfThisUser) {
  const Folder folder;
  EXPECT_EQ(ReadCalibration(folder / "none", kKey).status().code(), Code::kNotFound);
  ASSERT_TRUE(WriteCalibration(folder / "", kKey, Measured()).ok());
  ASSERT_EQ(::symlink((folder / "GPU-1").c_str(), (folder / "link").c_str()), 0);
  EXPECT_EQ(ReadCalibration(folder / "link", kKey).status().code(), Code::kIo);
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(ReadCalibration(folder / "pipe", kKey).status().code(), Code::kInvalidArgument);
  std::ofstream(folder / "large") << std::string(1 << 20, 'x');
  EXPECT_EQ(ReadCalibration(folder / "large", kKey).status().code(), Code::kInvalidArgument);
}

TEST(CalibrationFile, AFolderThatIsAFile) {
  const Folder folder;
  std::ofstream(folder / "pega") << "x";
  EXPECT_EQ(WriteCalibration(folder / "pega", kKey, Measured()).code(), Code::kIo);
  EXPECT_EQ(WriteCalibration(folder / "pega/below", kKey, Measured()).code(), Code::kIo);
}

}  // namespace
}  // namespace pega::cuda
