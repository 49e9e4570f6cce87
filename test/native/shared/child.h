// Child: a real process of its own for one step of a test, forked, with a pipe in each direction.
//
// Parent and child meet at bytes, never at times: Tell writes one, Await blocks for one. A child
// whose expectations fail says so by its exit code. Fork before the test starts threads.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <utility>

#include "gtest/gtest.h"

namespace pega {

class Link {
 public:
  Link(int in, int out) : in_(in), out_(out) {}
  void Tell() const {
    const char byte = 'x';
    if (::write(out_, &byte, 1) != 1) std::abort();
  }
  // False when the other side is gone.
  bool Await() const {
    char byte = 0;
    return ::read(in_, &byte, 1) == 1;
  }
  void Close() const {
    ::close(in_);
    ::close(out_);
  }

 private:
  int in_;
  int out_;
};

class Child {
 public:
  // The body runs in the new process; true means that all went as expected.
  explicit Child(const std::function<bool(const Link&)>& body) : link_(-1, -1) {
    int down[2], up[2];
    if (::pipe(down) != 0 || ::pipe(up) != 0) std::abort();
    std::fflush(nullptr);
    pid_ = ::fork();
    if (pid_ < 0) std::abort();
    if (pid_ == 0) {
      ::close(down[1]);
      ::close(up[0]);
      ::_exit(body(Link(down[0], up[1])) ? 0 : 1);
    }
    ::close(down[0]);
    ::close(up[1]);
    link_ = Link(up[0], down[1]);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ > 0) Kill();
    link_.Close();
  }

  pid_t pid() const { return pid_; }
  void Tell() const { link_.Tell(); }
  void Await() const { ASSERT_TRUE(link_.Await()) << "the child ended early"; }
  bool Ended() const {
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    return info.si_pid == pid_;
  }

  void Kill() {
    ::kill(pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, 0), nullptr, 0);
  }
  // Waits for the end; true if the body said that all went as expected.
  bool Succeeded() {
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

 private:
  pid_t pid_ = 0;
  Link link_;
};

}  // namespace pega

// In a child: says what failed and leaves the body.
#define CHILD_REQUIRE(condition)                                                       \
  do {                                                                                 \
    if (!(condition)) {                                                                \
      std::fprintf(stderr, "%s:%d: in a child: %s\n", __FILE__, __LINE__, #condition); \
      return false;                                                                    \
    }                                                                                  \
  } while (false)
