#include "gauge/own_slabs.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>

#include "gauge/parallel_parts.h"
#include "shared/numa.h"

namespace pega::gauge {
namespace {

constexpr std::uint64_t kFillBytes = std::uint64_t{16} << 20;  // of one thread's turn

// A slab whose name went at once: what an engine takes for a change from outside is none.
class NamelessSlab final : public SlabFile {
 public:
  explicit NamelessSlab(std::shared_ptr<SlabFile> file) : file_(std::move(file)) {}

  Status Fill(std::uint64_t offset_bytes, std::uint64_t bytes,
              const FillOptions& options) override {
    return file_->Fill(offset_bytes, bytes, options);
  }
  Status CheckUnchanged() const override { return file_->CheckWhole(); }
  Status CheckWhole() const override { return file_->CheckWhole(); }
  void Unlink() override {}
  Status Read(std::uint64_t offset_bytes, std::span<const iovec> target) const override {
    return file_->Read(offset_bytes, target);
  }
  Status Write(std::uint64_t offset_bytes, std::span<const iovec> source) const override {
    return file_->Write(offset_bytes, source);
  }
  SlabPages pages() const override { return file_->pages(); }
  SlabRecord record() const override { return file_->record(); }
  const std::string& path() const override { return file_->path(); }
  int fd() const override { return file_->fd(); }

 private:
  const std::shared_ptr<SlabFile> file_;
};

class FirstSlabs final : public SlabSet {
 public:
  explicit FirstSlabs(std::vector<std::shared_ptr<SlabFile>> files) : files_(std::move(files)) {}

  Result<std::shared_ptr<SlabFile>> Slab(std::uint32_t ordinal) override {
    if (ordinal < files_.size()) return files_[ordinal];
    return Status(Code::kNotFound, "slab " + std::to_string(ordinal) + " of " +
                                       std::to_string(files_.size()));
  }
  std::uint32_t slab_count() const override { return static_cast<std::uint32_t>(files_.size()); }
  std::uint64_t boot() const override { return 1; }

 private:
  const std::vector<std::shared_ptr<SlabFile>> files_;
};

}  // namespace

Result<std::unique_ptr<OwnSlabs>> OwnSlabs::Open(const OwnSlabsOptions& options,
                                                 std::uint64_t slab_bytes) {
  Result<PoolFolder> opened = PoolFolder::Create(options.folder);
  if (!opened.ok()) return opened.status();
  PoolId pool{};
  PEGA_RETURN_IF_ERROR(FillRandom(pool.data(), pool.size()));
  std::unique_ptr<OwnSlabs> slabs(
      new OwnSlabs(std::move(opened).value(), pool, slab_bytes, options));
  std::vector<std::uint32_t>& nodes = slabs->options_.fill.numa_nodes;
  if (!CheckNodes(nodes).ok()) nodes.clear();
  return slabs;
}

Status OwnSlabs::Grow(std::uint32_t count, const std::atomic<bool>& cancelled) {
  while (slabs_.size() < count) {
    Result<Slab> slab = Make(static_cast<std::uint32_t>(slabs_.size()), cancelled);
    if (!slab.ok()) return slab.status();
    slabs_.push_back(std::move(slab).value());
  }
  return Status::Ok();
}

Result<OwnSlabs::Slab> OwnSlabs::Make(std::uint32_t ordinal,
                                      const std::atomic<bool>& cancelled) const {
  Result<std::unique_ptr<SlabFile>> made =
      SlabFile::Create(folder_, pool_, ordinal, slab_bytes_);
  if (!made.ok()) return made.status();
  const std::shared_ptr<SlabFile> file = std::move(made).value();
  file->Unlink();
  const std::uint64_t part_bytes = std::max(kFillBytes, file->record().page_bytes);
  std::mutex mutex;
  Status failure;  // guarded by mutex
  InParallel(options_.threads, (slab_bytes_ + part_bytes - 1) / part_bytes, [&](std::uint64_t part) {
    const std::uint64_t first = part * part_bytes;
    const std::uint64_t bytes = std::min(part_bytes, slab_bytes_ - first);
    const Status filled = cancelled.load() ? Status(Code::kCancelled, "filling was given up")
                                           : file->Fill(first, bytes, options_.fill);
    const std::lock_guard lock(mutex);
    if (failure.ok()) failure = filled;
  });
  if (!failure.ok()) return failure;
  Result<Mapping> mapping = Mapping::Of(file->fd(), slab_bytes_, Access::kReadWrite);
  if (!mapping.ok()) return mapping.status();
  return Slab{file, std::move(mapping).value()};
}

std::shared_ptr<SlabSet> OwnSlabs::First(std::uint32_t count) const {
  std::vector<std::shared_ptr<SlabFile>> files;
  for (std::uint32_t i = 0; i < count; ++i) {
    files.push_back(std::make_shared<NamelessSlab>(slabs_[i].file));
  }
  return std::make_shared<FirstSlabs>(std::move(files));
}

SlabPages OwnSlabs::pages() const {
  return slabs_.empty() ? SlabPages::kSmall : slabs_.front().file->pages();
}

}  // namespace pega::gauge
