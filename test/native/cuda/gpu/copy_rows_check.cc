// Scatter and gather on random layouts, compared with the CPU: every byte of the blocks' memory and
// of the rows, also those that must not be touched.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>

#include "cuda/kernels/copy_rows.h"
#include "gpu.h"

namespace pega::cuda::gpu {
namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{24} << 20;

struct Case {
  unsigned width = 16;
  bool to_blocks = true, ids_on_host = true;
  unsigned ctas = 16;
  std::uint64_t first_byte_of_blocks = 0, first_byte_of_rows = 0;
  std::vector<RowSpan> spans;  // device_address: from the start of the blocks' memory
  std::vector<std::uint32_t> ids;
  std::uint64_t pitch = 0, block_bytes = 0, row_bytes = 0;  // memory of all blocks, all rows
};

// In units of the width. A tile is 256 of them: sizes about its multiples are the risky ones.
std::uint64_t RandomSpanUnits(Random& random, std::uint64_t common) {
  switch (random.Below(8)) {
    case 0:
      return random.Within(1, 40);
    case 1:
      return 256 * random.Within(1, 4) + random.Within(0, 2) - 1;
    case 2:
      return random.Below(4) == 0 ? 0 : random.Within(1, 1500);
    default:
      return common;
  }
}

Case RandomCase(Random& random) {
  Case made;
  made.width = random.OneOf({16u, 16u, 16u, 4u, 1u});
  made.to_blocks = random.Below(2) == 0;
  made.ids_on_host = random.Below(2) == 0;
  made.ctas = random.OneOf({1u, 3u, 4u, 16u, 16u, 33u});
  const std::uint64_t unit = made.width;
  made.first_byte_of_blocks = unit * random.Below(20);
  made.first_byte_of_rows = unit * random.Below(20);
  const std::uint64_t span_count = random.OneOf({1, 2, 31, 32, 33, 64, 65, 200});
  const std::uint64_t common = random.OneOf({1, 64, 255, 256, 257, 512, 4096});
  const bool gaps = random.Below(2) == 0;
  const auto gap = [&] { return gaps ? unit * random.Below(9) : 0; };
  std::uint64_t row = gap();
  for (std::uint64_t i = 0; i < span_count; ++i) {
    const std::uint64_t bytes = unit * RandomSpanUnits(random, common);
    if (i > 0 && row + bytes > kMaxBytes) break;
    made.spans.push_back({.device_address = 0,
                          .block_stride_bytes = 0,
                          .bytes = bytes,
                          .row_offset_bytes = row});
    row += bytes + gap();
  }
  made.pitch = std::max(row, unit);
  const std::uint64_t most = std::min<std::uint64_t>(kMaxBytes / made.pitch, 3000);
  const std::uint64_t blocks = std::max<std::uint64_t>(
      1, std::min(most, random.OneOf<std::uint64_t>({1, 2, 31, 32, 33, 100, 640, 3000})));

  // Span by span, as with a tensor a layer; or block by block, all spans of a block together.
  const bool together = random.Below(2) == 0;
  const std::uint64_t places = blocks + random.Below(blocks + 1);
  std::uint64_t at = made.first_byte_of_blocks;
  for (RowSpan& span : made.spans) {
    span.device_address = at;
    span.block_stride_bytes = span.bytes + gap();
    at += together ? span.block_stride_bytes : span.block_stride_bytes * places;
  }
  if (together) {
    const std::uint64_t stride = at - made.first_byte_of_blocks;
    for (RowSpan& span : made.spans) span.block_stride_bytes = stride;
    at = made.first_byte_of_blocks + stride * places;
  }
  made.block_bytes = at + 64;
  made.row_bytes = made.first_byte_of_rows + made.pitch * blocks + 64;
  std::vector<std::uint32_t> ids(places);
  std::iota(ids.begin(), ids.end(), 0);
  for (std::size_t i = ids.size(); i > 1; --i) std::swap(ids[i - 1], ids[random.Below(i)]);
  ids.resize(blocks);
  made.ids = std::move(ids);
  return made;
}

std::vector<char> RandomBytes(Random& random, std::uint64_t count) {
  std::vector<std::uint64_t> words(count / 8 + 1);
  for (std::uint64_t& word : words) word = random.Next();
  std::vector<char> bytes(count);
  std::memcpy(bytes.data(), words.data(), count);
  return bytes;
}

void CopyOnCpu(const Case& of, std::vector<char>& blocks, std::vector<char>& rows) {
  for (std::size_t row = 0; row < of.ids.size(); ++row) {
    for (const RowSpan& span : of.spans) {
      char* block = blocks.data() + span.device_address + of.ids[row] * span.block_stride_bytes;
      char* staged =
          rows.data() + of.first_byte_of_rows + row * of.pitch + span.row_offset_bytes;
      std::memcpy(of.to_blocks ? block : staged, of.to_blocks ? staged : block, span.bytes);
    }
  }
}

std::string NameOf(const Case& of) {
  return (of.to_blocks ? "pega_scatter_" : "pega_gather_") + std::to_string(of.width);
}

// The first byte that differs, or the size.
std::uint64_t FirstDifference(const Gpu& gpu, CUdeviceptr memory,
                              const std::vector<char>& expected) {
  std::vector<char> found(expected.size());
  gpu.ToHost(found.data(), memory, found.size());
  return static_cast<std::uint64_t>(
      std::mismatch(found.begin(), found.end(), expected.begin()).first - found.begin());
}

bool RunCase(const Gpu& gpu, const Case& of, Random& random, std::uint64_t seed) {
  std::vector<char> blocks = RandomBytes(random, of.block_bytes);
  std::vector<char> rows = RandomBytes(random, of.row_bytes);
  const DeviceMemory blocks_there = gpu.Place(blocks);
  const DeviceMemory rows_there = gpu.Place(rows);
  std::vector<RowSpan> spans = of.spans;
  for (RowSpan& span : spans) span.device_address += blocks_there.get();
  const DeviceMemory spans_there = gpu.Place(spans);
  const DeviceMemory ids_there = gpu.Place(of.ids);
  const HostMemory ids_here =
      Take(AllocateHost(gpu.context, of.ids.size() * sizeof(std::uint32_t)));
  std::memcpy(ids_here.get(), of.ids.data(), of.ids.size() * sizeof(std::uint32_t));

  const CopyRowsArguments arguments = {
      .spans = spans_there.get(),
      .block_ids = of.ids_on_host ? reinterpret_cast<CUdeviceptr>(ids_here.get()) : ids_there.get(),
      .rows = rows_there.get() + of.first_byte_of_rows,
      .row_pitch_bytes = of.pitch,
      .span_count = static_cast<std::uint32_t>(of.spans.size()),
      .block_count = static_cast<std::uint32_t>(of.ids.size())};
  gpu.Launch(gpu.Find(gpu.rows, NameOf(of).c_str()), of.ctas, 1, kCopyThreads, arguments);
  gpu.Wait();
  CopyOnCpu(of, blocks, rows);
  const std::uint64_t in_blocks = FirstDifference(gpu, blocks_there.get(), blocks);
  const std::uint64_t in_rows = FirstDifference(gpu, rows_there.get(), rows);
  if (in_blocks == of.block_bytes && in_rows == of.row_bytes) return true;
  std::printf(
      "{\"wrong\":\"%s\",\"seed\":%llu,\"ctas\":%u,\"spans\":%zu,\"blocks\":%zu,"
      "\"first_wrong_of_blocks\":%lld,\"first_wrong_of_rows\":%lld}\n",
      NameOf(of).c_str(), static_cast<unsigned long long>(seed), of.ctas, of.spans.size(),
      of.ids.size(), in_blocks == of.block_bytes ? -1 : static_cast<long long>(in_blocks),
      in_rows == of.row_bytes ? -1 : static_cast<long long>(in_rows));
  return false;
}

// As many blocks as a piece may have, little of each.
Case ManyBlocks(bool to_blocks) {
  Case made;
  made.to_blocks = to_blocks;
  made.spans = {{.device_address = 0, .block_stride_bytes = 512, .bytes = 256,
                 .row_offset_bytes = 0},
                {.device_address = 256, .block_stride_bytes = 512, .bytes = 240,
                 .row_offset_bytes = 256}};
  made.pitch = 496;
  made.ids.resize(131072);
  std::iota(made.ids.rbegin(), made.ids.rend(), 0);
  made.block_bytes = 512 * made.ids.size();
  made.row_bytes = made.pitch * made.ids.size();
  return made;
}

}  // namespace

bool CheckCopyRows(const Gpu& gpu, std::uint64_t seed, int cases) {
  int wrong = 0;
  for (int i = 0; i < cases; ++i) {
    const std::uint64_t own_seed = seed + static_cast<std::uint64_t>(i);
    Random random(own_seed);
    const Case made = RandomCase(random);
    wrong += RunCase(gpu, made, random, own_seed) ? 0 : 1;
  }
  Random random(seed);
  for (const bool to_blocks : {true, false}) {
    wrong += RunCase(gpu, ManyBlocks(to_blocks), random, 0) ? 0 : 1;
  }
  std::printf("{\"check\":\"copy_rows\",\"cases\":%d,\"wrong\":%d}\n", cases + 2, wrong);
  return wrong == 0;
}

bool CheckFarRows(const Gpu& gpu) {
  constexpr std::uint64_t kStride = std::uint64_t{512} << 20;
  constexpr std::uint32_t kRows = 12;
  constexpr std::uint64_t kBytes = 12304;  // three tiles and a piece
  std::size_t free = 0, total = 0;
  gpu.Check("cuMemGetInfo", gpu.api.MemGetInfo(&free, &total));
  if (free < (2 * kRows + 4) * kStride) {
    std::printf("{\"check\":\"far_rows\",\"left_out\":\"needs 14 GiB of memory\"}\n");
    return true;
  }
  const DeviceMemory blocks = gpu.Allocate(kRows * kStride), rows = gpu.Allocate(kRows * kStride);
  const DeviceMemory spans = gpu.Place<RowSpan>({{.device_address = blocks.get() + kStride / 2,
                                                  .block_stride_bytes = kStride,
                                                  .bytes = kBytes,
                                                  .row_offset_bytes = kStride - kBytes}});
  std::vector<std::uint32_t> ids(kRows);
  std::iota(ids.rbegin(), ids.rend(), 0);
  const DeviceMemory ids_there = gpu.Place(ids);
  Random random(7);
  int wrong = 0;
  for (const char* name : {"pega_scatter_16", "pega_gather_16"}) {
    const bool to_blocks = std::string(name) == "pega_scatter_16";
    const auto block_of = [&](std::uint32_t row) {
      return blocks.get() + kStride / 2 + ids[row] * kStride;
    };
    const auto row_of = [&](std::uint32_t row) {
      return rows.get() + row * kStride + kStride - kBytes;
    };
    const std::vector<char> bytes = RandomBytes(random, kRows * kBytes);
    for (std::uint32_t row = 0; row < kRows; ++row) {
      gpu.ToDevice(to_blocks ? row_of(row) : block_of(row), bytes.data() + row * kBytes, kBytes);
    }
    gpu.Launch(gpu.Find(gpu.rows, name), 16, 1, kCopyThreads,
               CopyRowsArguments{.spans = spans.get(),
                                 .block_ids = ids_there.get(),
                                 .rows = rows.get(),
                                 .row_pitch_bytes = kStride,
                                 .span_count = 1,
                                 .block_count = kRows});
    for (std::uint32_t row = 0; row < kRows; ++row) {
      std::vector<char> found(kBytes);
      gpu.ToHost(found.data(), to_blocks ? block_of(row) : row_of(row), kBytes);
      wrong += std::memcmp(found.data(), bytes.data() + row * kBytes, kBytes) == 0 ? 0 : 1;
    }
  }
  std::printf("{\"check\":\"far_rows\",\"rows\":%u,\"wrong\":%d}\n", 2 * kRows, wrong);
  return wrong == 0;
}

}  // namespace pega::cuda::gpu
