// RunProgram: a shell command's output and exit code. For tests.
#pragma once

#include <stdio.h>
#include <sys/wait.h>

#include <array>
#include <string>

namespace pega {

struct ProgramEnd {
  int exit_code = -1;
  std::string output;  // stdout and stderr
};

inline ProgramEnd RunProgram(const std::string& command) {
  ProgramEnd end;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return end;
  std::array<char, 4096> part;
  std::size_t bytes = 0;
  while ((bytes = ::fread(part.data(), 1, part.size(), pipe)) > 0) {
    end.output.append(part.data(), bytes);
  }
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
  return end;
}

}  // namespace pega
