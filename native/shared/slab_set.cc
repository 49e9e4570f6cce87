#include "shared/slab_set.h"

#include <map>
#include <mutex>
#include <utility>

namespace pega {
namespace {

class BootSlabs final : public SlabSet {
 public:
  BootSlabs(PoolFolder folder, std::shared_ptr<HeaderView> header, std::uint64_t boot,
            const PoolId& pool, std::uint64_t slab_bytes)
      : folder_(std::move(folder)),
        header_(std::move(header)),
        boot_(boot),
        pool_(pool),
        slab_bytes_(slab_bytes) {}

  // A slab that is open stays usable after the server restarted: what its holder's bits protect is
  // in that very file, and copies under way must end well.
  Result<std::shared_ptr<SlabFile>> Slab(std::uint32_t ordinal) override {
    const std::lock_guard<std::mutex> guard(mutex_);
    const auto known = slabs_.find(ordinal);
    if (known != slabs_.end()) return known->second;
    Result<SlabRecord> record = header_->ReadSlab(ordinal, boot_);
    if (!record.ok()) return record.status();
    Result<std::unique_ptr<SlabFile>> opened =
        SlabFile::Open(folder_, pool_, ordinal, slab_bytes_, record.value());
    if (!opened.ok()) return opened.status();
    std::shared_ptr<SlabFile> slab = std::move(opened).value();
    slabs_.emplace(ordinal, slab);
    return slab;
  }

  std::uint32_t slab_count() const override { return header_->slab_count(); }
  std::uint64_t boot() const override { return boot_; }

 private:
  const PoolFolder folder_;
  const std::shared_ptr<HeaderView> header_;
  const std::uint64_t boot_;
  const PoolId pool_;
  const std::uint64_t slab_bytes_;
  std::mutex mutex_;
  std::map<std::uint32_t, std::shared_ptr<SlabFile>> slabs_;  // guarded by mutex_
};

}  // namespace

Result<std::shared_ptr<SlabSet>> SlabSet::Open(const PoolFolder& folder,
                                               std::shared_ptr<HeaderView> header,
                                               std::uint64_t boot) {
  const PoolId pool = header->pool_id();
  const std::uint64_t slab_bytes = header->slab_bytes();
  // After the reads: were they another boot's, the number has changed.
  const std::uint64_t now = header->boot_number();
  if (boot == 0 || now != boot) {
    return Status(Code::kStaleBoot, "the server restarted: boot " + std::to_string(now) + " now, " +
                                        std::to_string(boot) + " expected");
  }
  return std::shared_ptr<SlabSet>(
      std::make_shared<BootSlabs>(folder, std::move(header), boot, pool, slab_bytes));
}

}  // namespace pega
