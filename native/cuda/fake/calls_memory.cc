// Device and host memory.
#include "cuda/fake/call.h"

namespace pega::cuda::fake::calls {
namespace {

constexpr std::uint64_t kPage = 4096;

DeviceMemory& MemoryOf(Call& call) {
  return *call.machine().memory[static_cast<std::size_t>(call.context->device)];
}

// The pinned range that begins at the address and is of the kind, or null with misuse noted.
const Pinned* FindPinned(Call& call, std::uint64_t address, bool allocated, CUresult* result) {
  const auto found = call.machine().host.pinned().find(address);
  if (found != call.machine().host.pinned().end() && found->second.allocated == allocated) {
    return &found->second;
  }
  *result = call.Misuse(allocated ? kErrorInvalidValue : kErrorHostMemoryNotRegistered,
                        Hex(address) + (allocated ? " was not allocated" : " is not registered"));
  return nullptr;
}

template <typename Value>
CUresult Write(void* into, Value value) {
  *static_cast<Value*>(into) = value;
  return kSuccess;
}

CUresult AttributeOf(void* into, int attribute, const Allocation& range, int type, int device) {
  switch (attribute) {
    case kPointerMemoryType: return Write<unsigned>(into, static_cast<unsigned>(type));
    case kPointerDeviceOrdinal: return Write<int>(into, device);
    case kPointerRangeStart: return Write<CUdeviceptr>(into, range.address);
    case kPointerRangeBytes: return Write<std::size_t>(into, range.bytes);
    default: return kErrorInvalidValue;
  }
}

}  // namespace

CUresult MemAlloc(CUdeviceptr* address, std::size_t bytes) {
  Call& call = Call::Current();
  if (bytes == 0) return kErrorInvalidValue;
  *address = MemoryOf(call).Allocate(bytes);
  return *address == 0 ? kErrorOutOfMemory : kSuccess;
}

CUresult MemFree(CUdeviceptr address) {
  Call& call = Call::Current();
  call.driver.AwaitIdle(call.lock);
  if (address == 0) return kSuccess;
  const Allocation* const found = MemoryOf(call).Find(address);
  if (found == nullptr || found->address != address) {
    return call.Misuse(kErrorInvalidValue,
                       "no live allocation of the current context's GPU begins "
                       "at " +
                           Hex(address));
  }
  Condemn(call, "freed memory", address, found->bytes);
  MemoryOf(call).Free(address);
  return call.context->dead;
}

CUresult MemGetInfo(std::size_t* free_bytes, std::size_t* total_bytes) {
  const DeviceMemory& memory = MemoryOf(Call::Current());
  *total_bytes = memory.total_bytes();
  *free_bytes = memory.total_bytes() - memory.used_bytes();
  return kSuccess;
}

CUresult MemHostAlloc(void** address, std::size_t bytes, unsigned flags) {
  Call& call = Call::Current();
  if (bytes == 0) return kErrorInvalidValue;
  const bool portable = (flags & kHostAllocPortable) != 0;
  const std::uint64_t at = call.machine().host.Allocate(bytes, call.context->id, portable);
  *address = reinterpret_cast<void*>(at);
  return at == 0 ? kErrorOutOfMemory : kSuccess;
}

CUresult MemFreeHost(void* pointer) {
  Call& call = Call::Current();
  call.driver.AwaitIdle(call.lock);
  const std::uint64_t address = NumberOf(pointer);
  CUresult result = kSuccess;
  const Pinned* const pinned = FindPinned(call, address, /*allocated=*/true, &result);
  if (pinned == nullptr) return result;
  Condemn(call, "freed host memory", address, pinned->bytes);
  call.machine().host.Remove(address);
  return call.context->dead;
}

CUresult MemHostRegister(void* pointer, std::size_t bytes, unsigned flags) {
  Call& call = Call::Current();
  const std::uint64_t address = NumberOf(pointer);
  if (bytes == 0 || address == 0) return kErrorInvalidValue;
  if (!HostMemory::IsMapped(address, bytes)) {
    return call.Misuse(kErrorInvalidValue, "the range at " + Hex(address) + " is not mapped");
  }
  // The driver pins pages: ranges that share one can't both be registered.
  const std::uint64_t begin = address / kPage * kPage;
  if (call.machine().host.Overlaps(begin, (address + bytes - begin + kPage - 1) / kPage * kPage)) {
    return call.Misuse(kErrorHostMemoryAlreadyRegistered,
                       "part of the range at " + Hex(address) + " is registered already");
  }
  call.machine().host.Register(address, bytes, call.context->id,
                               (flags & kHostRegisterPortable) != 0);
  return kSuccess;
}

CUresult MemHostUnregister(void* pointer) {
  Call& call = Call::Current();
  call.driver.AwaitIdle(call.lock);
  const std::uint64_t address = NumberOf(pointer);
  CUresult result = kSuccess;
  const Pinned* const pinned = FindPinned(call, address, /*allocated=*/false, &result);
  if (pinned == nullptr) return result;
  Condemn(call, "unregistered memory", address, pinned->bytes);
  if (!HostMemory::IsMapped(address, pinned->bytes)) {
    (void)call.Misuse(kSuccess, Hex(address) + " was unmapped before it was unregistered");
  }
  call.machine().host.Remove(address);
  return call.context->dead;
}

CUresult PointerGetAttribute(void* into, int attribute, CUdeviceptr address) {
  Machine& machine = Call::Current().machine();
  for (std::size_t device = 0; device < machine.memory.size(); ++device) {
    const Allocation* const found = machine.memory[device]->Find(address);
    if (found == nullptr) continue;
    return AttributeOf(into, attribute, *found, kMemoryDevice, static_cast<int>(device));
  }
  const Pinned* const pinned = machine.host.Find(address);
  const Context* const owner = pinned == nullptr ? nullptr : FindContext(machine, pinned->context);
  if (owner == nullptr) return kErrorInvalidValue;
  return AttributeOf(into, attribute, *pinned, kMemoryHost, owner->device);
}

}  // namespace pega::cuda::fake::calls
