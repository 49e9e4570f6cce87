#include "cuda/kernels/kernel_images.h"

// The assembler takes the files as they are, found like a header: native/ is an include path.
#define PEGA_IMAGE(symbol, file)    \
  __asm__(                          \
      ".pushsection .rodata\n"      \
      ".hidden " symbol "\n"        \
      ".globl " symbol "\n"         \
      ".balign 16\n" symbol ":\n"   \
      ".incbin \"" file "\"\n"      \
      ".byte 0\n"                   \
      ".popsection\n")

PEGA_IMAGE("pega_copy_rows_ptx", "cuda/kernels/copy_rows.ptx");
PEGA_IMAGE("pega_matrix_product_ptx", "cuda/kernels/matrix_product.ptx");

extern "C" {
extern const char pega_copy_rows_ptx[] __attribute__((visibility("hidden")));
extern const char pega_matrix_product_ptx[] __attribute__((visibility("hidden")));
}

namespace pega::cuda {

const char* CopyRowsPtx() { return pega_copy_rows_ptx; }
const char* MatrixProductPtx() { return pega_matrix_product_ptx; }

}  // namespace pega::cuda
