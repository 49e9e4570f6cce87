// Misuse: sentences about what a caller did wrong, kept, printed, and if asked the end of the
// process. Guarded by the driver's mutex.
#pragma once

#include <string>
#include <vector>

#include "cuda/fake/settings.h"

namespace pega::cuda::fake {

class Misuse {
 public:
  explicit Misuse(const Settings& settings) : quiet_(settings.quiet), abort_(settings.abort) {}
  void Note(std::string sentence);
  const std::vector<std::string>& found() const { return found_; }
  void Forget() { found_.clear(); }

 private:
  const bool quiet_;
  const bool abort_;
  std::vector<std::string> found_;
};

}  // namespace pega::cuda::fake
