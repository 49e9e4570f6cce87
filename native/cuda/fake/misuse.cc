#include "cuda/fake/misuse.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace pega::cuda::fake {

void Misuse::Note(std::string sentence) {
  constexpr std::size_t kKept = 1000;  // a fault in a loop must not fill the memory
  if (!quiet_ || abort_) std::fprintf(stderr, "fake CUDA driver: misuse: %s\n", sentence.c_str());
  if (abort_) std::abort();
  if (found_.size() < kKept) found_.push_back(std::move(sentence));
}

}  // namespace pega::cuda::fake
