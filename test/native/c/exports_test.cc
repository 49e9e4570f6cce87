// libpega.so shows pega_* and nothing else, and needs nothing but libc.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "c/run_program.h"

namespace pega {
namespace {

using Names = std::set<std::string>;

Names Matches(const std::string& text, const std::string& pattern) {
  const std::regex expression(pattern);
  Names names;
  for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at) {
    names.insert((*at)[1]);
  }
  return names;
}

TEST(Exports, AreTheHeadersFunctions) {
  const ProgramEnd nm = RunProgram(PEGA_NM " -D --defined-only --format=posix " PEGA_LIBRARY);
  ASSERT_EQ(nm.exit_code, 0) << nm.output;
  Names exported;
  std::istringstream lines(nm.output);
  for (std::string line; std::getline(lines, line);) exported.insert(line.substr(0, line.find(' ')));

  std::ifstream file(PEGA_HEADER);
  const std::string header((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const Names declared = Matches(header, R"(PEGA_EXPORT [a-z0-9_ ]+[ *](pega_[a-z_]+)\()");
  EXPECT_GE(declared.size(), 20U);
  EXPECT_EQ(exported, declared);
}

TEST(Exports, NeedOnlyTheSystem) {
  const ProgramEnd dump = RunProgram(PEGA_OBJDUMP " -p " PEGA_LIBRARY);
  ASSERT_EQ(dump.exit_code, 0) << dump.output;
  Names allowed = {"libc.so.6", "libm.so.6", "libpthread.so.0", "ld-linux-x86-64.so.2",
                   "ld-linux-aarch64.so.1"};
  if (PEGA_SANITIZED) {
    allowed.insert({"libasan.so.8", "libubsan.so.1", "libtsan.so.2", "libstdc++.so.6", "libgcc_s.so.1"});
  }
  for (const std::string& needed : Matches(dump.output, R"(NEEDED\s+(\S+))")) {
    EXPECT_TRUE(allowed.contains(needed)) << needed;
  }
}

}  // namespace
}  // namespace pega
