// Kernels: the inner loops of the reference model, once for each instruction set, behind one table.
//
// Every version does the same arithmetic in the same order: fused multiply-adds with k ascending,
// reductions over 16 partial sums that are added as one fixed tree. So all of them give the same
// bits, and a model's answers do not depend on the machine's instruction set.
//
// Used by native/reference alone. Buffers are padded as packed_matrix.h says; nothing is checked
// here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pega {

inline constexpr std::size_t kLanes = 16;  // of one vector, on every instruction set
inline constexpr std::size_t kKeyTile =
    128;  // keys of one attention tile; tiles start at position 0
inline constexpr std::size_t kTileRowsMax = 16;
inline constexpr float kNoScore = -1e30F;  // row_max of a row that has seen no key

// C[rows, one panel of columns] = (or +=) A × B.
struct GemmPanelWork {
  const float* a = nullptr;  // row_tiles × (depth × tile_rows)
  std::size_t row_tiles = 0;
  std::size_t depth = 0;
  const float* b = nullptr;  // depth × tile_columns
  float* c = nullptr;        // first column of the panel in row 0
  std::size_t c_stride = 0;
  bool add = false;
};

// One tile of query rows against one tile of keys, with the running maximum and sum of the softmax.
struct AttendTileWork {
  const float* queries = nullptr;  // head_dim × tile_rows, scaled
  const float* keys = nullptr;     // panels of tile_columns keys: head_dim × tile_columns each
  const float* values = nullptr;  // panels of tile_columns dimensions: kKeyTile × tile_columns each
  std::size_t head_dim = 0;
  std::size_t head_dim_padded = 0;
  const std::uint32_t* visible =
      nullptr;               // for each row: keys of this tile that it sees, 1…kKeyTile
  float* scores = nullptr;   // scratch, tile_rows × kKeyTile
  float* out = nullptr;      // tile_rows × head_dim_padded
  float* row_max = nullptr;  // tile_rows
  float* row_sum = nullptr;  // tile_rows
};

struct Kernels {
  const char* name = "";
  std::size_t tile_rows = 0;
  std::size_t tile_columns = 0;
  void (*gemm_panel)(const GemmPanelWork& work) = nullptr;
  void (*attend_tile)(const AttendTileWork& work) = nullptr;
  // Writes x / rms(x) × gain into a column of a packed tile: out[k × tile_rows]. x is zero-padded.
  void (*norm_row)(const float* x, const float* gain, std::size_t depth, float* out) = nullptr;
  // Writes silu(gate) × up, packed the same way.
  void (*swiglu_row)(const float* gate, const float* up, std::size_t depth, float* out) = nullptr;
  // `rounds` × flops_per_round operations on registers alone; the result keeps them from vanishing.
  float (*fma_rounds)(std::size_t rounds) = nullptr;
  double flops_per_round = 0;
};

const Kernels& PortableKernels();
// Null where the compiler or this CPU lacks the instructions.
const Kernels* Avx2Kernels();
const Kernels* Avx512Kernels();

const Kernels& BestKernels();
// All that this machine can run, for tests.
std::span<const Kernels* const> AllKernels();

}  // namespace pega
