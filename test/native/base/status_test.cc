#include "base/status.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace pega {
namespace {

TEST(Status, OkHasNoMessage) {
  EXPECT_TRUE(Status::Ok().ok());
  EXPECT_EQ(Status::Ok().message(), "");
}

TEST(Status, IoCarriesTheSystemsWords) {
  const Status status = Status::Io("open /nowhere", ENOENT);
  EXPECT_EQ(status.code(), Code::kIo);
  EXPECT_EQ(status.message(), "open /nowhere: No such file or directory");
  EXPECT_STREQ(CodeName(status.code()), "PEGA_IO");
}

TEST(Result, HoldsAValueOrItsReason) {
  Result<int> value = 7;
  EXPECT_TRUE(value.ok());
  EXPECT_EQ(value.value(), 7);
  Result<int> failed = Status(Code::kNotFound, "no such lease: 3");
  EXPECT_FALSE(failed.ok());
  EXPECT_EQ(failed.status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace pega
