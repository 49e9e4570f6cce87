// Which kernels this machine runs: the widest that its CPU has.
#include "reference/kernels.h"

#include <array>

namespace pega {

std::span<const Kernels* const> AllKernels() {
  struct List {
    std::array<const Kernels*, 3> tables{};
    std::size_t count = 0;
  };
  static const List list = [] {
    List out;
    for (const Kernels* table : {Avx512Kernels(), Avx2Kernels(), &PortableKernels()}) {
      if (table != nullptr) out.tables[out.count++] = table;
    }
    return out;
  }();
  return {list.tables.data(), list.count};
}

const Kernels& BestKernels() { return *AllKernels().front(); }

}  // namespace pega
