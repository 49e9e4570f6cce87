// How fast scatter and gather are inside HBM: by span, CTAs and bytes a launch, and for one block.
// Blocks are shuffled over 8 GiB in a tensor for each layer; the rows of all launches share a buffer.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>

#include "cuda/kernels/copy_rows.h"
#include "gpu.h"

namespace pega::cuda::gpu {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kDeviceBytes = 8192 * kMiB;
constexpr std::uint64_t kBytesPerSample = 1024 * kMiB;
constexpr int kSamples = 7;

// Memory as of a model with `layers` tensors of span_bytes a block.
struct World {
  World(const Gpu& gpu, std::uint64_t span_bytes, std::uint32_t layers, std::uint64_t staging_bytes)
      : row_bytes(span_bytes * layers), span_count(layers), rows(gpu.Allocate(staging_bytes)) {
    blocks = gpu.Allocate(kDeviceBytes);
    const std::uint64_t block_count = kDeviceBytes / row_bytes;
    std::vector<RowSpan> table;
    for (std::uint32_t layer = 0; layer < layers; ++layer) {
      table.push_back({.device_address = blocks.get() + layer * block_count * span_bytes,
                       .block_stride_bytes = span_bytes,
                       .bytes = span_bytes,
                       .row_offset_bytes = layer * span_bytes});
    }
    spans = gpu.Place(table);
    std::vector<std::uint32_t> shuffled(block_count);
    std::iota(shuffled.begin(), shuffled.end(), 0);
    Random random(1);
    for (std::size_t i = shuffled.size(); i > 1; --i) {
      std::swap(shuffled[i - 1], shuffled[random.Below(i)]);
    }
    const std::size_t id_bytes = shuffled.size() * sizeof(std::uint32_t);
    ids = Take(AllocateHost(gpu.context, id_bytes));
    std::memcpy(ids.get(), shuffled.data(), id_bytes);
  }

  CopyRowsArguments Arguments(std::uint64_t first_block, std::uint32_t block_count) const {
    const auto first_id = reinterpret_cast<CUdeviceptr>(ids.get()) + first_block * 4;
    return {.spans = spans.get(),
            .block_ids = first_id,
            .rows = rows.get(),
            .row_pitch_bytes = row_bytes,
            .span_count = span_count,
            .block_count = block_count};
  }

  std::uint64_t row_bytes;
  std::uint32_t span_count;
  DeviceMemory rows, blocks, spans;
  HostMemory ids;
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double GigabytesPerSecond(const Gpu& gpu, const World& world, CUfunction kernel, unsigned ctas,
                          std::uint64_t launch_bytes) {
  const auto blocks = static_cast<std::uint32_t>(launch_bytes / world.row_bytes);
  const std::uint64_t launches = kBytesPerSample / launch_bytes;
  const Event start = Take(MakeTimingEvent(gpu.context)), end = Take(MakeTimingEvent(gpu.context));
  std::vector<double> rates;
  for (int sample = 0; sample <= kSamples; ++sample) {
    gpu.Check("cuEventRecord", gpu.api.EventRecord(start.get(), gpu.stream.get()));
    for (std::uint64_t i = 0; i < launches; ++i) {
      gpu.Launch(kernel, ctas, 1, kCopyThreads, world.Arguments(i * blocks, blocks));
    }
    gpu.Check("cuEventRecord", gpu.api.EventRecord(end.get(), gpu.stream.get()));
    gpu.Wait();
    float milliseconds = 0;
    gpu.Check("cuEventElapsedTime",
              gpu.api.EventElapsedTime(&milliseconds, start.get(), end.get()));
    const auto bytes = static_cast<double>(launches * blocks * world.row_bytes);
    if (sample > 0) rates.push_back(bytes / (static_cast<double>(milliseconds) * 1e6));
  }
  return Median(rates);
}

// From before the launch until the CPU sees the event behind it.
double OneBlockMicroseconds(const Gpu& gpu, const World& world, CUfunction kernel, unsigned ctas) {
  const Event end = Take(MakeEvent(gpu.context));
  std::vector<double> times;
  for (std::uint64_t i = 0; i < 300; ++i) {
    const auto start = std::chrono::steady_clock::now();
    gpu.Launch(kernel, ctas, 1, kCopyThreads, world.Arguments(i, 1));
    gpu.Check("cuEventRecord", gpu.api.EventRecord(end.get(), gpu.stream.get()));
    while (gpu.api.EventQuery(end.get()) == kErrorNotReady) {
    }
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    if (i >= 50) times.push_back(took.count());
  }
  gpu.Wait();
  return Median(times);
}

}  // namespace

void MeasureCopyRows(const Gpu& gpu) {
  struct Shape {
    std::uint64_t span_bytes;
    std::uint32_t layers;
  };
  for (const Shape shape : {Shape{8192, 32}, Shape{65536, 32}, Shape{2 * kMiB, 1}}) {
    const World world(gpu, shape.span_bytes, shape.layers, 256 * kMiB);
    for (const char* name : {"pega_scatter_16", "pega_gather_16", "pega_scatter_4"}) {
      const CUfunction kernel = gpu.Find(gpu.rows, name);
      for (const std::uint64_t launch_bytes : {16 * kMiB, 256 * kMiB}) {
        for (const unsigned ctas : {4u, 8u, 16u, 32u}) {
          std::printf(
              "{\"speed\":\"%s\",\"span_bytes\":%llu,\"launch_mib\":%llu,\"ctas\":%u,"
              "\"gb_per_s\":%.1f}\n",
              name, static_cast<unsigned long long>(shape.span_bytes),
              static_cast<unsigned long long>(launch_bytes / kMiB), ctas,
              GigabytesPerSecond(gpu, world, kernel, ctas, launch_bytes));
        }
      }
    }
  }
}

void MeasureOneBlock(const Gpu& gpu) {
  const World world(gpu, 65536, 32, 2 * kMiB);
  for (const char* name : {"pega_scatter_16", "pega_gather_16"}) {
    const CUfunction kernel = gpu.Find(gpu.rows, name);
    for (const unsigned ctas : {4u, 8u, 16u, 32u}) {
      std::printf("{\"one_block\":\"%s\",\"bytes\":%llu,\"ctas\":%u,\"p50_us\":%.1f}\n", name,
                  static_cast<unsigned long long>(world.row_bytes), ctas,
                  OneBlockMicroseconds(gpu, world, kernel, ctas));
    }
  }
}

}  // namespace pega::cuda::gpu
