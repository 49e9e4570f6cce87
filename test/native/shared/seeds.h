// How many random cases a test tries: few by default, many where PEGA_TEST_LONG is set
// (docs/long-tests.md).
#pragma once

#include <cstdlib>

namespace pega {

inline int Seeds(int few, int many) { return std::getenv("PEGA_TEST_LONG") == nullptr ? few : many; }

}  // namespace pega
