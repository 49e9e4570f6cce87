#include "node/measure.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <latch>
#include <numeric>
#include <thread>
#include <vector>

#include "base/scoped_fd.h"
#include "node/arguments.h"
#include "node/async_call.h"
#include "reference/reference_model.h"
#include "shared/pool_folder.h"

namespace pega::node {
namespace {

constexpr std::uint32_t kThreadsMax = 1024;
constexpr double kSecondsMax = 60;
constexpr std::uint64_t kPieceBytesMax = std::uint64_t{1} << 30;
constexpr std::uint32_t kSgemmSizeMax = 16384;
constexpr std::uint64_t kRandomBytesMax = std::uint64_t{1} << 32;
// Each thread copies through this much, so that the copies go to memory and not to a cache.
constexpr std::uint64_t kCopySpanBytes = std::uint64_t{128} << 20;

using Clock = std::chrono::steady_clock;

// One thread's part: touches its private source and target, waits for the others, copies for
// `time`.
double CopyBytesPerSecond(std::uint64_t piece_bytes, Clock::duration time,
                          std::latch& all_touched) {
  const std::uint64_t pieces = std::max<std::uint64_t>(1, kCopySpanBytes / piece_bytes);
  const std::vector<std::uint8_t> source(pieces * piece_bytes, 1);
  std::vector<std::uint8_t> target(pieces * piece_bytes, 2);
  all_touched.arrive_and_wait();
  const Clock::time_point start = Clock::now();
  std::uint64_t copied = 0;
  Clock::duration took{};
  for (std::uint64_t piece = 0; took < time; piece = (piece + 1) % pieces) {
    const std::uint64_t offset = piece * piece_bytes;
    std::memcpy(target.data() + offset, source.data() + offset, piece_bytes);
    copied += piece_bytes;
    took = Clock::now() - start;
  }
  return static_cast<double>(copied) / std::chrono::duration<double>(took).count();
}

// One thread's part of a file: pwrite or pread of pieces, for `time`.
double FileBytesPerSecond(int fd, std::uint64_t first_byte, std::uint64_t piece_bytes, bool write,
                          Clock::duration time, std::latch& all_touched) {
  const std::uint64_t pieces = std::max<std::uint64_t>(1, kCopySpanBytes / piece_bytes);
  std::vector<std::uint8_t> memory(pieces * piece_bytes, 1);
  all_touched.arrive_and_wait();
  const Clock::time_point start = Clock::now();
  std::uint64_t copied = 0;
  Clock::duration took{};
  for (std::uint64_t piece = 0; took < time; piece = (piece + 1) % pieces) {
    std::uint8_t* const at = memory.data() + piece * piece_bytes;
    const auto offset = static_cast<off_t>(first_byte + piece * piece_bytes);
    const ssize_t moved =
        write ? ::pwrite(fd, at, piece_bytes, offset) : ::pread(fd, at, piece_bytes, offset);
    if (moved != static_cast<ssize_t>(piece_bytes)) return 0;
    copied += piece_bytes;
    took = Clock::now() - start;
  }
  return static_cast<double>(copied) / std::chrono::duration<double>(took).count();
}

// A file of its own in `folder`, which has no name any more when this returns.
Result<double> MeasureFileCopy(const std::string& folder, std::uint32_t threads,
                               std::uint64_t piece_bytes, bool write, double seconds) {
  const ScopedFd fd(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!fd.valid()) return Status::Io("open a nameless file in " + folder, errno);
  const std::uint64_t span =
      std::max<std::uint64_t>(1, kCopySpanBytes / piece_bytes) * piece_bytes;
  if (::fallocate(fd.get(), 0, 0, static_cast<off_t>(span * threads)) != 0) {
    return Status::Io("fallocate in " + folder, errno);
  }
  const auto time =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  std::latch all_touched(threads);
  std::vector<double> rates(threads);
  std::vector<std::thread> running;
  for (std::uint32_t i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      rates[i] = FileBytesPerSecond(fd.get(), i * span, piece_bytes, write, time, all_touched);
    });
  }
  for (std::thread& thread : running) thread.join();
  if (std::ranges::find(rates, 0.0) != rates.end()) {
    return Status(Code::kIo, "a copy of " + std::to_string(piece_bytes) + " bytes fell short");
  }
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

double MeasureMemcpy(std::uint32_t threads, std::uint64_t piece_bytes, double seconds) {
  const auto time =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  std::latch all_touched(threads);
  std::vector<double> rates(threads);
  std::vector<std::thread> running;
  for (double& rate : rates) {
    running.emplace_back([&] { rate = CopyBytesPerSecond(piece_bytes, time, all_touched); });
  }
  for (std::thread& thread : running) thread.join();
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

napi_value ToJsNumber(Napi::Env env, double& number) { return Napi::Number::New(env, number); }

Napi::Value MemcpyCall(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "measureMemcpy");
  const std::uint32_t threads = read.U32(info[0], "threads", 1, kThreadsMax);
  const std::uint64_t piece = read.Integer(info[1], "pieceBytes", 1, kPieceBytesMax);
  const double seconds = read.PositiveNumber(info[2], "seconds", kSecondsMax);
  if (read.Failed()) return {};
  return RunAsync<double>(
      info.Env(), "measureMemcpy",
      [=]() -> Result<double> { return MeasureMemcpy(threads, piece, seconds); }, ToJsNumber);
}

Napi::Value FileCopyCall(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "measureFileCopy");
  const std::string folder = read.String(info[0], "folder");
  const std::uint32_t threads = read.U32(info[1], "threads", 1, kThreadsMax);
  const std::uint64_t piece = read.Integer(info[2], "pieceBytes", 1, kPieceBytesMax);
  const bool write = read.Bool(info[3], "write");
  const double seconds = read.PositiveNumber(info[4], "seconds", kSecondsMax);
  if (read.Failed()) return {};
  return RunAsync<double>(
      info.Env(), "measureFileCopy",
      [=]() -> Result<double> { return MeasureFileCopy(folder, threads, piece, write, seconds); },
      ToJsNumber);
}

Napi::Value FmaPeakCall(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "measureFmaPeak");
  const std::uint32_t threads = read.U32(info[0], "threads", 1, kThreadsMax);
  const double seconds = read.PositiveNumber(info[1], "seconds", kSecondsMax);
  if (read.Failed()) return {};
  return RunAsync<double>(
      info.Env(), "measureFmaPeak",
      [=]() -> Result<double> { return MeasureFmaPeak(threads, seconds); }, ToJsNumber);
}

Napi::Value SgemmCall(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "measureSgemm");
  const std::uint32_t threads = read.U32(info[0], "threads", 1, kThreadsMax);
  const std::uint32_t size = read.U32(info[1], "size", 1, kSgemmSizeMax);
  const double seconds = read.PositiveNumber(info[2], "seconds", kSecondsMax);
  if (read.Failed()) return {};
  return RunAsync<double>(
      info.Env(), "measureSgemm",
      [=]() -> Result<double> { return MeasureSgemm(threads, size, seconds); }, ToJsNumber);
}

// splitmix64 from one kernel seed: gigabytes of bytes that don't compress, at memory speed.
void FillFromSeed(std::uint64_t seed, std::span<std::uint8_t> bytes) {
  for (std::size_t offset = 0; offset < bytes.size(); offset += sizeof(std::uint64_t)) {
    seed += 0x9e3779b97f4a7c15;
    std::uint64_t word = seed;
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
    word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
    word ^= word >> 31;
    std::memcpy(bytes.data() + offset, &word, std::min(sizeof(word), bytes.size() - offset));
  }
}

Napi::Value FillRandomCall(const Napi::CallbackInfo& info) {
  Arguments read(info.Env(), "fillRandom");
  const std::uint64_t bytes = read.Integer(info[0], "bytes", 0, kRandomBytesMax);
  if (read.Failed()) return {};
  std::uint64_t seed = 0;
  const Status status = FillRandom(reinterpret_cast<std::uint8_t*>(&seed), sizeof(seed));
  if (!status.ok()) return Throw(info.Env(), status);
  napi_value buffer = nullptr;
  void* address = nullptr;
  if (napi_create_buffer(info.Env(), bytes, &address, &buffer) != napi_ok) {
    return Throw(info.Env(), Status(Code::kNoSpace, "fillRandom: no Buffer of " +
                                                        std::to_string(bytes) + " bytes"));
  }
  FillFromSeed(seed, {static_cast<std::uint8_t*>(address), bytes});
  return {info.Env(), buffer};
}

}  // namespace

void RegisterMeasurements(Napi::Env env, Napi::Object exports) {
  exports.Set("measureMemcpy", Napi::Function::New<&MemcpyCall>(env, "measureMemcpy"));
  exports.Set("measureFileCopy", Napi::Function::New<&FileCopyCall>(env, "measureFileCopy"));
  exports.Set("measureFmaPeak", Napi::Function::New<&FmaPeakCall>(env, "measureFmaPeak"));
  exports.Set("measureSgemm", Napi::Function::New<&SgemmCall>(env, "measureSgemm"));
  exports.Set("fillRandom", Napi::Function::New<&FillRandomCall>(env, "fillRandom"));
}

}  // namespace pega::node
