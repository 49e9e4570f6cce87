// The PTX inside the library: whole, with every kernel, and what its head states fits what is said of it.
#include "cuda/kernels/kernel_images.h"

#include <gtest/gtest.h>

#include <string>

namespace pega::cuda {
namespace {

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(KernelImages, HoldEveryKernel) {
  const std::string rows = CopyRowsPtx();
  for (const char* width : {"16", "4", "1"}) {
    EXPECT_TRUE(Contains(rows, std::string(".visible .entry pega_scatter_") + width + "("));
    EXPECT_TRUE(Contains(rows, std::string(".visible .entry pega_gather_") + width + "("));
  }
  EXPECT_TRUE(Contains(MatrixProductPtx(), ".visible .entry pega_matrix_product("));
}

TEST(KernelImages, AreWholeTexts) {
  for (const std::string text : {CopyRowsPtx(), MatrixProductPtx()}) {
    EXPECT_EQ(text.rfind("// ", 0), 0u);
    EXPECT_EQ(text.find_last_not_of('\n'), text.rfind('}'));
  }
}

// PTX ISA 8.0 came with CUDA 12.0, which is the driver version that is asked for.
TEST(KernelImages, StateWhatTheOldestDriverLoads) {
  for (const std::string text : {CopyRowsPtx(), MatrixProductPtx()}) {
    EXPECT_TRUE(Contains(text, "\n.version 8.0\n.target sm_80\n"));
  }
  EXPECT_EQ(kOldestDriverVersion, 12000);
  EXPECT_EQ(kOldestComputeCapabilityMajor, 8);
}

}  // namespace
}  // namespace pega::cuda
