// RegisteredSlab: one slab, mapped here and registered with CUDA piece by piece.
//
// Used by PinnedSlabs alone. Going, it unregisters and unmaps. Thread safety: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"
#include "cuda/driver/handles.h"
#include "shared/mapping.h"
#include "shared/slab_file.h"

namespace pega::cuda {

class RegisteredSlab {
 public:
  // Nothing is registered yet. kSlabChanged: the file has holes, or another size.
  static Result<std::unique_ptr<RegisteredSlab>> Map(ContextPtr context, const SlabFile& file,
                                                     std::uint64_t slab_bytes);

  // The next `bytes` of it, or what is left. `driver_ns` grows by the time spent in the driver.
  // kDevice: the driver's refusal, and what to allow it where a limit may be the reason.
  // REQUIRES: the context is current; not whole().
  Status RegisterNext(std::uint64_t bytes, std::uint64_t& driver_ns);
  bool whole() const { return registered_bytes_ == mapping_.bytes(); }
  std::uint64_t registered_bytes() const { return registered_bytes_; }
  std::byte* address() const { return mapping_.address(); }

 private:
  RegisteredSlab(ContextPtr context, Mapping mapping, std::string path)
      : context_(std::move(context)), path_(std::move(path)), mapping_(std::move(mapping)) {}
  Status Refusal(CUresult result) const;

  const ContextPtr context_;
  const std::string path_;
  const Mapping mapping_;
  std::vector<RegisteredMemory> pieces_;  // behind the mapping: they go first
  std::uint64_t registered_bytes_ = 0;
};

}  // namespace pega::cuda
