#include "pool/pool.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <optional>
#include <thread>

#include "pool/pool_impl.h"
#include "shared/hold_view.h"
#include "shared/mapping.h"
#include "shared/numa.h"

namespace pega {

namespace {

constexpr std::uint32_t kFillThreadsMax = 16;

Result<std::uint64_t> ChooseSlabBytes(const PoolOptions& options) {
  std::uint64_t slab_bytes = options.slab_bytes;
  if (slab_bytes == 0) {
    slab_bytes = std::clamp(options.pool_bytes / kSlabsPerPool, kSlabBytesMin, kSlabBytesMax);
    slab_bytes -= slab_bytes % kHugePageBytes;
  }
  if (slab_bytes < kSlabBytesMin || slab_bytes > kSlabBytesMax ||
      slab_bytes % kHugePageBytes != 0) {
    return Status(Code::kInvalidArgument,
                  "slab_bytes is " + std::to_string(slab_bytes) +
                      "; it must be a multiple of 2 MiB from 16 MiB to 1 GiB, or 0");
  }
  const std::uint64_t slabs = options.pool_bytes / slab_bytes;
  if (slabs < 1 || slabs > kSlabOrdinalsMax) {
    return Status(Code::kInvalidArgument,
                  "pool_bytes is " + std::to_string(options.pool_bytes) + ", which is " +
                      std::to_string(slabs) + " slabs of " + std::to_string(slab_bytes) +
                      " bytes; it must be 1 to " + std::to_string(kSlabOrdinalsMax));
  }
  return slab_bytes;
}

std::uint32_t FillThreads(std::uint32_t wanted) {
  return std::clamp(wanted != 0 ? wanted : std::thread::hardware_concurrency(), 1u,
                    kFillThreadsMax);
}

Result<FillOptions> HowToFill(const PoolOptions& options) {
  FillOptions fill{.huge_pages = options.huge_pages,
                   .allocate_first = options.allocate_first,
                   .numa_nodes = options.numa_nodes};
  const Status nodes = CheckNodes(fill.numa_nodes);
  if (nodes.ok()) return fill;
  if (options.numa_required) return nodes;
  fill.numa_nodes.clear();
  return fill;
}

// Slabs and marks of former pools go; hold files of engines that still live stay.
Status ClearFormerPools(const PoolFolder& folder, const PoolId& pool) {
  Result<std::vector<std::string>> paths = folder.FilesOfOtherPools(pool);
  if (!paths.ok()) return paths.status();
  for (const std::string& path : paths.value()) {
    const std::string name = path.substr(path.rfind('/') + 1);
    if (name.starts_with("hold-")) {
      const Result<bool> removed = RemoveDeadHoldFile(path);
      if (!removed.ok() && removed.status().code() != Code::kNotFound) return removed.status();
    } else if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
      return Status::Io("unlink " + path, errno);
    }
  }
  return Status::Ok();
}

}  // namespace

Result<std::unique_ptr<Pool>> Pool::Create(const PoolOptions& options) {
  const Result<std::uint64_t> slab_bytes = ChooseSlabBytes(options);
  if (!slab_bytes.ok()) return slab_bytes.status();
  Result<FillOptions> fill = HowToFill(options);
  if (!fill.ok()) return fill.status();
  PoolImpl::Parts parts;
  parts.slab_bytes = slab_bytes.value();
  Result<PoolFolder> folder = PoolFolder::Create(options.folder, options.allow_any_filesystem);
  if (!folder.ok()) return folder.status();
  parts.folder = std::move(folder).value();
  Result<std::unique_ptr<ServerHeader>> header = ServerHeader::Acquire(parts.folder);
  if (!header.ok()) return header.status();
  parts.header = std::move(header).value();
  PEGA_RETURN_IF_ERROR(parts.header->Begin(parts.slab_bytes));
  const PoolId& pool_id = parts.header->pool_id();
  PEGA_RETURN_IF_ERROR(ClearFormerPools(parts.folder, pool_id));
  Result<std::unique_ptr<MarkFile>> marks =
      MarkFile::Create(parts.folder, pool_id, parts.slab_bytes);
  if (!marks.ok()) return marks.status();
  parts.marks = std::move(marks).value();
  const auto slabs_total = static_cast<std::uint32_t>(options.pool_bytes / parts.slab_bytes);
  Result<std::unique_ptr<SlabTable>> slabs =
      SlabTable::Create(parts.slab_bytes, slabs_total, *parts.marks);
  if (!slabs.ok()) return slabs.status();
  parts.slabs = std::move(slabs).value();
  parts.fill = {.folder = parts.folder,
                .pool_id = pool_id,
                .slab_bytes = parts.slab_bytes,
                .slabs_total = slabs_total,
                .threads = FillThreads(options.fill_threads),
                .fill = options.fill,
                .options = std::move(fill).value()};
  auto pool = std::make_unique<PoolImpl>(std::move(parts));
  if (!options.defer_fill) pool->StartFilling();
  return std::unique_ptr<Pool>(std::move(pool));
}

PoolImpl::PoolImpl(Parts parts)
    : folder_(std::move(parts.folder)),
      slab_bytes_(parts.slab_bytes),
      header_(std::move(parts.header)),
      marks_(std::move(parts.marks)),
      slabs_(std::move(parts.slabs)),
      boot_number_(header_->boot_number()),
      pool_id_(header_->pool_id()),
      classes_(*slabs_),
      blocks_(*slabs_, classes_),
      cleanup_(*slabs_, classes_, blocks_),
      supply_(*slabs_, classes_, blocks_, cleanup_),
      ids_(kHashesPerBatch),
      memory_{.numa_nodes = parts.fill.options.numa_nodes},
      filler_(std::make_unique<SlabFiller>(std::move(parts.fill))) {}

void PoolImpl::StartFilling() {
  if (!closed_) filler_->Start();
}

void PoolImpl::Poll() {
  if (closed_) return;
  ++tick_;
  for (std::unique_ptr<SlabFile>& file : filler_->TakeFinished()) {
    if (slabs_ready_ == 0) memory_.pages = file->pages();
    header_->PublishSlab(slabs_ready_, file->record());
    slabs_->Add(slabs_ready_, std::move(file));
    classes_.AddFree(slabs_ready_);
    ++slabs_ready_;
  }
  drain_budget_ = kHashesPerBatch;
  cleanup_.Step(drain_budget_);
}

FillProgress PoolImpl::fill_progress() const {
  return closed_ ? last_progress_ : filler_->progress();
}

std::vector<std::uint32_t> PoolImpl::CheckSlabs(std::uint32_t count) {
  Poll();
  std::vector<std::uint32_t> retired;
  if (closed_) return retired;
  for (std::uint32_t i = 0; i < std::min(count, slabs_ready_); ++i) {
    check_next_ = check_next_ < slabs_ready_ ? check_next_ : 0;
    const std::uint32_t ordinal = check_next_++;
    const Slab& slab = slabs_->slab(ordinal);
    if (slab.state == SlabState::kRetired || slab.file->CheckUnchanged().ok()) continue;
    header_->RetireSlab(ordinal);
    cleanup_.Retire(ordinal);
    ++slabs_retired_;
    retired.push_back(ordinal);
  }
  return retired;
}

Result<NamespaceHandle> PoolImpl::OpenNamespace(const NamespaceSpec& spec) {
  if (closed_) return Status(Code::kCancelled, "the pool is closed");
  if (spec.hash_bytes < kHashBytesMin || spec.hash_bytes > kHashBytesMax) {
    return Status(Code::kInvalidArgument,
                  "hash_bytes is " + std::to_string(spec.hash_bytes) + "; it must be 8 to 32");
  }
  if (spec.rank_slot_bytes.empty() || spec.rank_slot_bytes.size() > kRanksMax) {
    return Status(Code::kInvalidArgument, "rank_slot_bytes has " +
                                              std::to_string(spec.rank_slot_bytes.size()) +
                                              " ranks; there must be 1 to 64");
  }
  for (const std::uint64_t bytes : spec.rank_slot_bytes) {
    if (bytes >= 1 && bytes <= slab_bytes_) continue;
    return Status(Code::kInvalidArgument, "rank_slot_bytes has a slot of " + std::to_string(bytes) +
                                              " bytes; it must be 1 to the slab's " +
                                              std::to_string(slab_bytes_));
  }
  for (const auto& known : blocks_.name_spaces()) {
    if (known->spec.digest != spec.digest) continue;
    if (known->spec.hash_bytes == spec.hash_bytes &&
        known->spec.rank_slot_bytes == spec.rank_slot_bytes) {
      return known->handle;
    }
    return Status(Code::kAlreadyExists,
                  "the namespace is known with other hash_bytes or rank_slot_bytes");
  }
  auto ns = std::make_unique<NameSpace>();
  ns->handle = static_cast<NamespaceHandle>(blocks_.name_spaces().size());
  if (ns->handle >= kNamespacesMax) {
    const std::optional<NamespaceHandle> unused = EmptyUnusedNamespace();
    if (!unused) {
      return Status(Code::kLimit, "there are 256 namespaces with engines, the most a pool keeps");
    }
    ns->handle = *unused;
  }
  ns->spec = spec;
  for (const std::uint64_t bytes : spec.rank_slot_bytes) ns->block_bytes += RoundUpToPage(bytes);
  // One batch more than fits: Reserve inserts a batch before it knows for how much there is room.
  const std::uint64_t blocks_max = slabs_->size() * slab_bytes_ / ns->block_bytes + kHashesPerBatch;
  Result<BlockIndex> index = BlockIndex::Create(
      blocks_max, static_cast<std::uint32_t>(spec.rank_slot_bytes.size()), spec.hash_bytes);
  if (!index.ok()) return index.status();
  ns->index = std::move(index).value();
  for (const std::uint64_t bytes : spec.rank_slot_bytes) {
    const auto pages = static_cast<std::uint32_t>(RoundUpToPage(bytes) / kPageBytes);
    ns->rank_class.push_back(classes_.FindOrMake(ns->handle, pages));
  }
  return blocks_.Put(std::move(ns)).handle;
}

// Weights that are trained get a namespace an epoch, so most of them are left behind. Of those without
// an engine the one with the fewest blocks loses these: a 256th of all blocks at most.
std::optional<NamespaceHandle> PoolImpl::EmptyUnusedNamespace() {
  std::vector<bool> in_use(blocks_.name_spaces().size());
  for (const auto& [handle, engine] : engines_) in_use[engine->name_space()] = true;
  NameSpace* unused = nullptr;
  for (const auto& ns : blocks_.name_spaces()) {
    if (in_use[ns->handle]) continue;
    if (unused == nullptr || ns->sealed < unused->sealed) unused = ns.get();
  }
  if (unused == nullptr) return std::nullopt;
  while (unused->index.coldest() != kNoBlock) blocks_.Evict(*unused, unused->index.coldest());
  return unused->handle;
}

Result<EngineHandle> PoolImpl::AddEngine(NamespaceHandle name_space) {
  if (closed_) return Status(Code::kCancelled, "the pool is closed");
  if (name_space >= blocks_.name_spaces().size()) {
    return Status(Code::kNotFound, "no namespace has the handle " + std::to_string(name_space));
  }
  if (engines_.size() >= kEnginesMax) {
    return Status(Code::kLimit, "there are 256 engines already, the most a pool serves");
  }
  const NameSpace& ns = blocks_.name_space(name_space);
  Result<std::unique_ptr<EngineLedger>> ledger =
      EngineLedger::Create(next_engine_, name_space, ns.block_bytes, ns.index.capacity());
  if (!ledger.ok()) return ledger.status();
  engines_.emplace(next_engine_, std::move(ledger).value());
  return next_engine_++;
}

Result<EngineLedger*> PoolImpl::Enter(EngineHandle engine) {
  if (closed_) return Status(Code::kCancelled, "the pool is closed");
  Poll();
  const auto found = engines_.find(engine);
  if (found == engines_.end()) {
    return Status(Code::kNotFound, "no engine has the handle " + std::to_string(engine));
  }
  return found->second.get();
}

Result<EngineLedger*> PoolImpl::EnterLiving(EngineHandle engine) {
  Result<EngineLedger*> entered = Enter(engine);
  if (entered.ok() && entered.value()->ending) {
    return Status(Code::kNotFound, "engine " + std::to_string(engine) + " has ended");
  }
  return entered;
}

std::vector<std::string> PoolImpl::Close(std::chrono::milliseconds give_back) {
  if (closed_) return {};
  last_progress_ = filler_->progress();
  closed_ = true;
  filler_.reset();
  const auto deadline = std::chrono::steady_clock::now() + give_back;
  std::atomic<std::uint32_t> next{0};
  const auto unlink_some = [&] {
    while (std::chrono::steady_clock::now() < deadline) {
      const std::uint32_t ordinal = next++;
      if (ordinal >= slabs_ready_) return;
      slabs_->slab(ordinal).file->Unlink();
      slabs_->slab(ordinal).file.reset();  // the memory goes with the last descriptor
    }
  };
  std::vector<std::thread> threads(FillThreads(0));
  for (std::thread& thread : threads) thread = std::thread(unlink_some);
  for (std::thread& thread : threads) thread.join();
  std::vector<std::string> left;
  for (std::uint32_t ordinal = 0; ordinal < slabs_ready_; ++ordinal) {
    std::unique_ptr<SlabFile>& file = slabs_->slab(ordinal).file;
    if (!file) continue;
    left.push_back(file->path());
    file.reset();
  }
  ::unlink(folder_.MarksPath(pool_id_).c_str());
  header_.reset();
  return left;
}

}  // namespace pega
