// CostModel: what a GPU's copies cost, as measured by a calibration: the planner chooses by it.
//
// Rates are bytes/s, one direction alone. Values without a calibration are those of a PCIe 5 x16
// H100 (docs/benchmarks/transfer.md) and choose sensibly on slower links too, because only their
// relations matter.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace pega::cuda {

enum class Direction : std::uint8_t { kToDevice = 0, kToHost = 1 };

inline constexpr std::uint64_t kPitchedRowBytesMin = 4096;

struct DirectionCost {
  double link_bytes_per_s = 55.0e9;    // one long copy
  double staged_bytes_per_s = 54.5e9;  // long runs on the host, shuffled blocks
  // A pitched copy, by row bytes 4 KiB << i.
  std::array<double, 10> pitched_bytes_per_s = {18e9,   30e9,   47e9, 53e9, 54.5e9,
                                                54.5e9, 54.5e9, 55e9, 55e9, 55e9};
};

struct CostModel {
  std::array<DirectionCost, 2> direction;
  double copy_seconds = 0.6e-6;   // of each copy, above its bytes' time
  double staged_seconds = 15e-6;  // fixed, of a piece that is staged: kernel and events
  double call_seconds = 1.2e-6;   // of the calling thread, each driver call

  const DirectionCost& of(Direction d) const { return direction[static_cast<std::size_t>(d)]; }
  // Interpolated between the two nearest powers of two. A row shorter than the shortest that was
  // measured takes as long as that one.
  double PitchedBytesPerSecond(Direction d, std::uint64_t row_bytes) const;
};

}  // namespace pega::cuda
