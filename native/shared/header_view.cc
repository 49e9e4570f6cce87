// An engine's side of the header: reads only, by pread, so that a truncated header is a miss.

#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "shared/fence.h"
#include "shared/file_bytes.h"
#include "shared/once_file.h"
#include "shared/pool_header.h"
#include "shared/pool_header_layout.h"

namespace pega {
namespace {

class FileHeaderView final : public HeaderView {
 public:
  // Through OnceFile: closing a descriptor of its own would free the lock of a server in this
  // process.
  explicit FileHeaderView(OnceFile file) : file_(std::move(file)) {}

  std::uint64_t boot_number() const override {
    FullFence();
    struct stat found{};
    if (::fstat(file_.fd(), &found) != 0 || found.st_nlink == 0) return 0;
    const auto boot = Field<std::uint64_t>(offsetof(HeaderFields, boot_number));
    FullFence();
    return boot % 2 == 0 ? boot : 0;  // odd: a server is writing its header
  }

  PoolId pool_id() const override { return Field<PoolId>(offsetof(HeaderFields, pool_id)); }
  std::uint64_t slab_bytes() const override {
    return Field<std::uint64_t>(offsetof(HeaderFields, slab_bytes));
  }
  std::uint32_t slab_count() const override {
    return Field<std::uint32_t>(offsetof(HeaderFields, slab_count));
  }

  Result<SlabRecord> ReadSlab(std::uint32_t ordinal, std::uint64_t boot) const override {
    if (boot == 0 || boot_number() != boot) return Stale(boot);
    HeaderSlab slab{};
    if (ordinal < kSlabOrdinalsMax) slab = ReadPublished(ordinal);
    if (boot_number() != boot) return Stale(boot);
    if (slab.slab_id == 0) {
      return Status(Code::kNotFound, "slab " + std::to_string(ordinal) + " is not in the pool");
    }
    return SlabRecord{slab.slab_id, slab.inode, slab.page_bytes};
  }

 private:
  // Zero where the file is too short: no boot, pool or slab has that.
  template <typename T>
  T Field(std::uint64_t offset_bytes) const {
    T value{};
    if (!ReadBytes(file_.fd(), offset_bytes, &value, sizeof(value))) return T{};
    return value;
  }

  // The server writes the id last; read first, it vouches for the rest.
  HeaderSlab ReadPublished(std::uint32_t ordinal) const {
    const std::uint64_t offset = HeaderSlabOffset(ordinal);
    const auto id = Field<std::uint64_t>(offset);
    FullFence();
    auto slab = Field<HeaderSlab>(offset);
    slab.slab_id = slab.slab_id == id ? id : 0;
    return slab;
  }

  Status Stale(std::uint64_t boot) const {
    return Status(Code::kStaleBoot, "the server restarted: boot " + std::to_string(boot_number()) +
                                        " now, " + std::to_string(boot) + " expected");
  }

  OnceFile file_;
};

}  // namespace

Result<std::unique_ptr<HeaderView>> HeaderView::Open(const PoolFolder& folder) {
  Result<OnceFile> file = OnceFile::Open(folder.HeaderPath());
  if (!file.ok()) return file.status();
  HeaderFields fields{};
  if (!ReadBytes(file.value().fd(), 0, &fields, sizeof(fields)) || fields.magic == 0) {
    return Status(Code::kNotFound,
                  folder.HeaderPath() + " is not finished: no server has begun there");
  }
  PEGA_RETURN_IF_ERROR(CheckHeaderFields(fields));
  return std::unique_ptr<HeaderView>(std::make_unique<FileHeaderView>(std::move(file).value()));
}

}  // namespace pega
