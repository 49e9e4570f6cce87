// libpega.so shows pega_* and nothing else, and needs nothing but libc.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>

#include "c/run_program.h"

namespace pega {
namespace {

using Names = std::set<std::string>;

// The last word before `end`, after each `mark`: "PEGA_EXPORT int pega_x(" gives pega_x.
Names LastWords(const std::string& text, const std::string& mark, char end) {
  Names names;
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
    const std::string part = text.substr(at, text.find(end, at) - at);
    names.insert(part.substr(part.find_last_of(" *") + 1));
  }
  return names;
}

TEST(Exports, AreTheHeadersFunctions) {
  const ProgramEnd nm = RunProgram(PEGA_NM " -D --defined-only --format=posix " PEGA_LIBRARY);
  ASSERT_EQ(nm.exit_code, 0) << nm.output;
  Names exported;
  std::istringstream lines(nm.output);
  for (std::string line; std::getline(lines, line);)
    exported.insert(line.substr(0, line.find(' ')));

  std::ifstream file(PEGA_HEADER);
  const std::string header((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
  const Names declared = LastWords(header, "\nPEGA_EXPORT", '(');
  EXPECT_GE(declared.size(), 20U);
  EXPECT_EQ(exported, declared);
}

TEST(Exports, NeedOnlyTheSystem) {
  const ProgramEnd dump = RunProgram(PEGA_OBJDUMP " -p " PEGA_LIBRARY);
  ASSERT_EQ(dump.exit_code, 0) << dump.output;
  Names allowed = {"libc.so.6", "libm.so.6", "libpthread.so.0", "ld-linux-x86-64.so.2",
                   "ld-linux-aarch64.so.1"};
  if (PEGA_SANITIZED) {
    allowed.insert(
        {"libasan.so.8", "libubsan.so.1", "libtsan.so.2", "libstdc++.so.6", "libgcc_s.so.1"});
  }
  for (const std::string& needed : LastWords(dump.output, "  NEEDED ", '\n')) {
    EXPECT_TRUE(allowed.contains(needed)) << needed;
  }
}

}  // namespace
}  // namespace pega
