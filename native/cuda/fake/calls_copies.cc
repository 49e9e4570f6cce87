// Copies: checked when they are enqueued, done when their stream comes to them.
#include <cstring>

#include "cuda/fake/call.h"
#include "cuda/fake/captures.h"

namespace pega::cuda::fake::calls {
namespace {

constexpr int kGarbage = 0xDB;

// Rows on one side of a copy.
struct Side {
  int memory_type = kMemoryHost;
  std::uint64_t address = 0;
  std::uint64_t pitch = 0;
  std::byte* real = nullptr;  // where the bytes lie
};

class CopyRows : public Work {
 public:
  CopyRows(const Side& to, const Side& from, std::uint64_t width, std::uint64_t rows)
      : to_(to), from_(from), width_(width), rows_(rows) {}
  CUresult Prepare(Driver&, Operation&) override { return kSuccess; }
  void Garble() override {
    for (std::uint64_t row = 0; row < rows_; ++row) {
      std::memset(to_.real + row * to_.pitch, kGarbage, width_);
    }
  }
  void Move() override {
    for (std::uint64_t row = 0; row < rows_; ++row) {
      std::memcpy(to_.real + row * to_.pitch, from_.real + row * from_.pitch, width_);
    }
  }

 private:
  const Side to_, from_;
  const std::uint64_t width_, rows_;
};

class Fill : public Work {
 public:
  Fill(std::byte* real, unsigned char value, std::uint64_t bytes)
      : real_(real), value_(value), bytes_(bytes) {}
  CUresult Prepare(Driver&, Operation&) override { return kSuccess; }
  void Garble() override { std::memset(real_, kGarbage, bytes_); }
  void Move() override { std::memset(real_, value_, bytes_); }

 private:
  std::byte* const real_;
  const unsigned char value_;
  const std::uint64_t bytes_;
};

CUresult CheckDevice(Call& call, Side* side, std::uint64_t extent) {
  const Machine& machine = call.machine();
  const DeviceMemory& memory = *machine.memory[static_cast<std::size_t>(call.context->device)];
  const Allocation* const found = memory.Find(side->address);
  if (found == nullptr) {
    return call.Misuse(kErrorInvalidValue,
                       Hex(side->address) + " is in no live allocation of the context's GPU");
  }
  if (extent > found->address + found->bytes - side->address) {
    return call.Misuse(kErrorInvalidValue, std::to_string(extent) + " bytes at " +
                                               Hex(side->address) + " go past the allocation's " +
                                               std::to_string(found->bytes));
  }
  side->real = memory.Real(side->address);
  return kSuccess;
}

CUresult CheckHost(Call& call, Side* side, std::uint64_t extent) {
  Machine& machine = call.machine();
  const std::string where = std::to_string(extent) + " bytes at " + Hex(side->address);
  for (const auto& memory : machine.memory) {
    if (memory->Covers(side->address)) {
      return call.Misuse(kErrorInvalidValue, Hex(side->address) + " is no host address");
    }
  }
  const Pinned* const pinned = machine.host.Find(side->address);
  if (pinned == nullptr) {
    return call.Misuse(kErrorInvalidValue, where + ": host memory that is not pinned");
  }
  if (extent > pinned->address + pinned->bytes - side->address) {
    const bool next = machine.host.Find(pinned->address + pinned->bytes) != nullptr;
    return call.Misuse(kErrorInvalidValue,
                       where + (next ? " cross two registrations" : " go past the registration"));
  }
  if (!pinned->portable && pinned->context != call.context->id) {
    return call.Misuse(kErrorInvalidValue, where + " are pinned for another context only");
  }
  side->real = reinterpret_cast<std::byte*>(side->address);
  return kSuccess;
}

CUresult Check(Call& call, Side* side, std::uint64_t width, std::uint64_t rows) {
  constexpr std::uint64_t kPitchMax = 0x7fffffff;
  if (side->pitch < width || side->pitch > kPitchMax) {
    if (rows > 1 || side->pitch < width) {
      return call.Misuse(kErrorInvalidValue, "a pitch of " + std::to_string(side->pitch) +
                                                 " for rows of " + std::to_string(width));
    }
  }
  const std::uint64_t extent = (rows - 1) * side->pitch + width;
  switch (side->memory_type) {
    case kMemoryDevice: return CheckDevice(call, side, extent);
    case kMemoryHost: return CheckHost(call, side, extent);
    default:
      return call.Misuse(kErrorInvalidValue, "a memory type that is neither host nor device");
  }
}

CUresult Copy(Side to, Side from, std::uint64_t width, std::uint64_t rows, CUstream handle) {
  Call& call = Call::Current();
  CUresult result = kSuccess;
  Stream* const stream = FindStream(call, handle, &result);
  if (stream == nullptr) return result;
  if (stream->legacy) PEGA_FAKE_RETURN_IF(RefuseLegacy(call));
  if (width == 0 || rows == 0) return kSuccess;
  PEGA_FAKE_RETURN_IF(Check(call, &to, width, rows));
  PEGA_FAKE_RETURN_IF(Check(call, &from, width, rows));
  if (stream->capture != 0) return kSuccess;
  ByteSet reads, writes;
  reads.AddRows(from.address, from.pitch, width, rows);
  writes.AddRows(to.address, to.pitch, width, rows);
  call.machine().Enqueue(*stream, call.symbol, std::make_unique<CopyRows>(to, from, width, rows),
                         std::move(reads), std::move(writes), {});
  return kSuccess;
}

Side SideOf(int memory_type, const void* host, CUdeviceptr device, std::size_t x_bytes,
            std::size_t y, std::size_t pitch) {
  const std::uint64_t base = memory_type == kMemoryDevice ? device : NumberOf(host);
  return {memory_type, base + y * pitch + x_bytes, pitch, nullptr};
}

}  // namespace

CUresult MemcpyHtoDAsync(CUdeviceptr to, const void* from, std::size_t bytes, CUstream stream) {
  return Copy({kMemoryDevice, to, bytes, nullptr}, {kMemoryHost, NumberOf(from), bytes, nullptr},
              bytes, 1, stream);
}

CUresult MemcpyDtoHAsync(void* to, CUdeviceptr from, std::size_t bytes, CUstream stream) {
  return Copy({kMemoryHost, NumberOf(to), bytes, nullptr}, {kMemoryDevice, from, bytes, nullptr},
              bytes, 1, stream);
}

CUresult Memcpy2DAsync(const CudaMemcpy2D* copy, CUstream stream) {
  const CudaMemcpy2D& of = *copy;
  if (of.src_x_bytes + of.width_bytes > of.src_pitch ||
      of.dst_x_bytes + of.width_bytes > of.dst_pitch) {
    return Call::Current().Misuse(kErrorInvalidValue, "rows are longer than their pitch");
  }
  return Copy(SideOf(of.dst_memory_type, of.dst_host, of.dst_device, of.dst_x_bytes, of.dst_y,
                     of.dst_pitch),
              SideOf(of.src_memory_type, of.src_host, of.src_device, of.src_x_bytes, of.src_y,
                     of.src_pitch),
              of.width_bytes, of.height, stream);
}

CUresult MemsetD8Async(CUdeviceptr address, unsigned char value, std::size_t bytes,
                       CUstream handle) {
  Call& call = Call::Current();
  CUresult result = kSuccess;
  Stream* const stream = FindStream(call, handle, &result);
  if (stream == nullptr) return result;
  if (stream->legacy) PEGA_FAKE_RETURN_IF(RefuseLegacy(call));
  if (bytes == 0) return kSuccess;
  Side side{kMemoryDevice, address, bytes, nullptr};
  PEGA_FAKE_RETURN_IF(CheckDevice(call, &side, bytes));
  if (stream->capture != 0) return kSuccess;
  ByteSet writes;
  writes.Add(address, bytes);
  call.machine().Enqueue(*stream, call.symbol, std::make_unique<Fill>(side.real, value, bytes), {},
                         std::move(writes), {});
  return kSuccess;
}

}  // namespace pega::cuda::fake::calls
