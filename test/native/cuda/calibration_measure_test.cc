// Calibrating the fake GPU: what is measured is kept, found again, and measured afresh where it
// can't be believed.
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "cuda/plan/calibration.h"
#include "cuda/plan/calibration_file.h"
#include "fake_driver.h"

namespace pega::cuda {
namespace {

constexpr double kPatience = 60;  // s; the fake is no GPU
constexpr char kFolderOfChild[] = "PEGA_TEST_CALIBRATION_FOLDER";

class CalibrationTest : public testing::Test {
 protected:
  CalibrationTest() {
    EXPECT_NE(::mkdtemp(home_), nullptr);
    ::setenv("XDG_CACHE_HOME", home_, 1);
  }
  ~CalibrationTest() override {
    ::unsetenv("XDG_CACHE_HOME");
    std::filesystem::remove_all(home_);
  }
  std::string Folder() const { return home_ + std::string("/pega"); }

  static ContextPtr Gpu(const FakeDriver& fake, int ordinal = 0) {
    return Context::RetainPrimary(fake.api(), ordinal).value();
  }
  static Calibration Get(const FakeDriver& fake, bool afresh = false,
                         double seconds_max = kPatience) {
    Result<Calibration> calibration = Calibrate(Gpu(fake), afresh, seconds_max);
    EXPECT_TRUE(calibration.ok()) << calibration.status().message();
    return calibration.ok() ? calibration.value() : Calibration{};
  }

  char home_[32] = "/tmp/pega-calibration-XXXXXX";
};

TEST_F(CalibrationTest, IsMeasuredOnceAndKept) {
  const FakeDriver fake;
  const Calibration measured = Get(fake);
  EXPECT_FALSE(measured.from_file);
  EXPECT_EQ(measured.note, "");
  EXPECT_GT(measured.seconds, 0);
  EXPECT_TRUE(IsPlausible(measured.cost));
  EXPECT_NE(measured.gpu.find("GPU-"), std::string::npos);
  EXPECT_EQ(measured.path.rfind(Folder() + "/GPU-", 0), 0U) << measured.path;
  EXPECT_TRUE(fake.Open().empty()) << fake.Open().front();

  const unsigned long long copies = fake.fake_cuda_calls("cuMemcpyHtoDAsync_v2");
  const Calibration found = Get(fake);
  EXPECT_TRUE(found.from_file);
  EXPECT_EQ(found.path, measured.path);
  EXPECT_EQ(found.gpu, measured.gpu);
  EXPECT_NEAR(found.cost.of(Direction::kToHost).link_bytes_per_s,
              measured.cost.of(Direction::kToHost).link_bytes_per_s, 1);
  EXPECT_EQ(fake.fake_cuda_calls("cuMemcpyHtoDAsync_v2"), copies);

  const FakeDriver newer("version=13010,abort=1");
  const Calibration other = Get(newer);
  EXPECT_FALSE(other.from_file) << "of another driver";
  EXPECT_NE(other.path, measured.path);
}

TEST_F(CalibrationTest, IsMeasuredAgainWhereTheFileIsOdd) {
  const FakeDriver fake;
  const std::string path = Get(fake).path;
  ASSERT_FALSE(path.empty());
  std::ofstream(path, std::ios::app) << "more\n";
  EXPECT_FALSE(Get(fake).from_file);
  EXPECT_TRUE(Get(fake).from_file);
}

TEST_F(CalibrationTest, AGpuWithoutUuidIsKnownByItsPlace) {
  const FakeDriver fake("missing=cuDeviceGetUuid_v2,abort=1");
  EXPECT_NE(Get(fake).path.find("/PCI-"), std::string::npos);
  EXPECT_TRUE(Get(fake).from_file);
}

TEST_F(CalibrationTest, IsNotedWhereItCantBeKept) {
  const FakeDriver fake;
  std::ofstream(Folder()) << "a file in the folder's place";
  const Calibration calibration = Get(fake);
  EXPECT_EQ(calibration.path, "");
  EXPECT_NE(calibration.note.find("not kept: "), std::string::npos) << calibration.note;
  EXPECT_TRUE(IsPlausible(calibration.cost));
}

TEST_F(CalibrationTest, IsNotedWhereNobodyHasAHome) {
  const FakeDriver fake;
  const std::string home = std::getenv("HOME") == nullptr ? "" : std::getenv("HOME");
  ::unsetenv("HOME");
  ::setenv("XDG_CACHE_HOME", "relative", 1);
  const Calibration calibration = Get(fake);
  EXPECT_EQ(calibration.path, "");
  EXPECT_EQ(calibration.note, "not kept: neither XDG_CACHE_HOME nor HOME names a folder");
  ::setenv("HOME", home_, 1);
  EXPECT_EQ(CalibrationFolder().value(), home_ + std::string("/.cache/pega"));
  if (!home.empty()) ::setenv("HOME", home.c_str(), 1);
}

TEST_F(CalibrationTest, EndsInTimeOnASlowGpu) {
  const FakeDriver fake;
  fake.fake_cuda_delay("cuMemcpyHtoDAsync_v2", 200'000);
  const Calibration calibration = Get(fake, false, 1);
  EXPECT_NE(calibration.note.find("too slow or too busy"), std::string::npos) << calibration.note;
  EXPECT_EQ(calibration.path, "");
  EXPECT_FALSE(std::filesystem::exists(Folder()));
  EXPECT_EQ(calibration.cost.of(Direction::kToHost).pitched_bytes_per_s[9], 55e9);
}

TEST_F(CalibrationTest, SaysWhatTheGpuRefused) {
  const FakeDriver fake(FakeDriver::kLenient);
  for (const char* call : {"cuMemHostAlloc", "cuMemAlloc_v2", "cuModuleLoadData", "cuLaunchKernel",
                           "cuMemcpy2DAsync_v2", "cuEventSynchronize", "cuEventElapsedTime"}) {
    fake.fake_cuda_fail(call, 1, kErrorInvalidValue, 1);
    const Result<Calibration> calibration = Calibrate(Gpu(fake), true, kPatience);
    EXPECT_EQ(calibration.status().code(), Code::kDevice) << call;
    EXPECT_TRUE(fake.Open().empty()) << call << ": " << fake.Open().front();
  }
}

// TwoProcessesAtOnce runs this one in its children, which are told a folder: CUDA does not outlive
// a fork.
TEST_F(CalibrationTest, IsMeasuredAfreshWhenAsked) {
  if (const char* folder = std::getenv(kFolderOfChild)) ::setenv("XDG_CACHE_HOME", folder, 1);
  const FakeDriver fake;
  const Calibration calibration = Get(fake, true);
  EXPECT_FALSE(calibration.from_file);
  EXPECT_NE(calibration.path, "");
}

TEST_F(CalibrationTest, TwoProcessesAtOnce) {
  ::setenv(kFolderOfChild, home_, 1);
  std::string words[] = {"cuda_test", "--gtest_filter=CalibrationTest.IsMeasuredAfreshWhenAsked"};
  char* arguments[] = {words[0].data(), words[1].data(), nullptr};
  std::vector<pid_t> children(2);
  for (pid_t& child : children) {
    ASSERT_EQ(::posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, arguments, environ), 0);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  ::unsetenv(kFolderOfChild);
  const FakeDriver fake;
  EXPECT_TRUE(Get(fake).from_file);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(Folder()), {}), 1);
}

}  // namespace
}  // namespace pega::cuda
