#include "cuda/device/cuda_device.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "cuda/device/copy_thread.h"
#include "cuda/device/device_parts.h"
#include "cuda/device/stream_points.h"

namespace pega::cuda {
namespace {

constexpr std::uint64_t kStagingBytesForSync = std::uint64_t{16} << 20;  // PROTOCOL §6
constexpr std::uint64_t kSyncCallsMax = 500;  // PROTOCOL §6, of a whole synchronous load

Direction DirectionOf(JobKind kind) {
  return kind == JobKind::kStore ? Direction::kToHost : Direction::kToDevice;
}

class Copier final : public CudaDevice, private CopyThread::Work {
 public:
  Copier(BlockLayout layout, ContextPtr context, const CudaDeviceOptions& options)
      : layout_(std::move(layout)),
        context_(std::move(context)),
        options_(options),
        points_(std::make_shared<StreamPoints>(context_)) {}
  Status Open(std::shared_ptr<SlabSet> slabs);
  ~Copier() override;

  const BlockLayout& layout() const override { return layout_; }
  StreamPointPtr Start(const CopyPiece& piece, std::function<void(Status)> done) override;
  // Two of the others: while one is on the link the next is given to it.
  std::uint32_t pieces_in_flight_max(JobKind kind) const override {
    return kind == JobKind::kLoadSync ? kNoPieceLimit : 2;
  }
  bool duplex() const override { return true; }
  Result<StreamPointPtr> Mark(std::uint64_t stream) override;
  Status HoldStream(std::uint64_t stream, const StreamPoint& point) override;
  std::uint32_t slabs_ready() const override { return pins_->progress().slabs_ready; }
  CudaDeviceStats stats() const override;
  bool sync_loads_possible() const override {
    return parts_->staging_bytes() >= kStagingBytesForSync;
  }
  std::vector<std::uint32_t> FitGroups(std::span<const BlockCopy> blocks,
                                       std::uint32_t layers_per_group,
                                       std::uint64_t calls_max) const override;

 private:
  struct Prepared {
    std::vector<Lane::Part> parts;
    std::vector<std::shared_ptr<SlabFile>> slabs;
    double expected_seconds = 0;
  };

  CopyThread::Given Give(const CopyPiece& piece) override;
  void GiveBackIds(JobKind kind, std::uint32_t id_lists) override;
  Result<Prepared> Prepare(const CopyPiece& piece) const;
  CopyThread::Given GivePrepared(const CopyPiece& piece, const Prepared& prepared);
  Staging& staging(JobKind kind) const {
    return kind == JobKind::kStore ? parts_->store_staging : parts_->load_staging;
  }
  std::mutex& mutex(JobKind kind) { return kind == JobKind::kStore ? store_mutex_ : load_mutex_; }
  Lane& lane(JobKind kind) { return *parts_->lanes[static_cast<std::size_t>(kind)]; }
  SlabAddress slab_address() const;
  Status FindSlabs(const CopyPiece& piece, Prepared& prepared) const;
  Status PlanParts(const CopyPiece& piece, Prepared& prepared) const;
  void Count(const Prepared& prepared, const CopyPiece& piece);

  const BlockLayout layout_;
  const ContextPtr context_;
  const CudaDeviceOptions options_;
  const std::shared_ptr<StreamPoints> points_;
  std::unique_ptr<DeviceParts> parts_;
  std::mutex load_mutex_;   // guards the two load lanes and their staging
  std::mutex store_mutex_;  // guards the store lane and its staging

  std::atomic<std::uint64_t> driver_calls_{0}, submit_ns_{0}, staged_bytes_{0}, direct_bytes_{0};
  std::unique_ptr<CopyThread> thread_;
  std::unique_ptr<PinnedSlabs> pins_;
};

Status Copier::Open(std::shared_ptr<SlabSet> slabs) {
  const ScopedContext current(*context_);
  PEGA_RETURN_IF_ERROR(current.status());
  Result<std::unique_ptr<DeviceParts>> parts =
      DeviceParts::Open(context_, points_, layout_, options_);
  if (!parts.ok()) return parts.status();
  parts_ = std::move(parts).value();
  thread_ = CopyThread::Start(context_, *this);
  PinOptions pins = options_.pins;
  pins.slab_bytes = options_.slab_bytes;
  pins_ = PinnedSlabs::Start(context_, std::move(slabs), pins, [this] { thread_->Wake(); });
  return Status::Ok();
}

Copier::~Copier() {
  pins_.reset();  // every piece has ended (Device): nobody asks for slabs any more
  thread_.reset();
}

StreamPointPtr Copier::Start(const CopyPiece& piece, std::function<void(Status)> done) {
  if (piece.kind != JobKind::kLoadSync) {
    thread_->Queue(piece, std::move(done));
    return {};
  }
  const auto begun = std::chrono::steady_clock::now();
  StreamPointPtr end;
  {
    const ScopedContext current(*context_);
    // Under the lock until the thread knows of it: pieces of a kind end in the order they began.
    const std::lock_guard lock(load_mutex_);
    CopyThread::Given given{.status = thread_->broken()};
    if (given.status.ok()) given.status = current.status();
    if (given.status.ok()) given = Give(piece);
    if (given.waits) {
      given.waits = false;
      given.status = Status(Code::kNotFound, "a synchronous load names a slab that is not "
                                             "registered yet, or has too many blocks at once");
    }
    if (given.status.ok()) end = given.end;
    thread_->Follow(piece.kind, std::move(given), std::move(done));
  }
  submit_ns_ += static_cast<std::uint64_t>(
      std::chrono::nanoseconds(std::chrono::steady_clock::now() - begun).count());
  return end;
}

// REQUIRES: as CopyThread::Work::Give; a synchronous piece's caller holds load_mutex_.
CopyThread::Given Copier::Give(const CopyPiece& piece) {
  pins_->SetServing();
  Result<Prepared> prepared = Prepare(piece);
  if (!prepared.ok()) {
    return {.status = prepared.status(), .waits = prepared.status().code() == Code::kTimeout};
  }
  if (piece.kind == JobKind::kLoadSync) return GivePrepared(piece, prepared.value());
  const std::lock_guard lock(mutex(piece.kind));
  return GivePrepared(piece, prepared.value());
}

CopyThread::Given Copier::GivePrepared(const CopyPiece& piece, const Prepared& prepared) {
  const auto* after = static_cast<const StreamPoints::Point*>(piece.after.get());
  const Lane::Order order{.direction = DirectionOf(piece.kind),
                          .parts = prepared.parts,
                          .after = after == nullptr ? nullptr : after->event()};
  if (!lane(piece.kind).HasRoomFor(order)) {
    return {.status = Status(Code::kTimeout, "no room for more block ids"), .waits = true};
  }
  Lane::Given given = lane(piece.kind).Give(order, *parts_->kernels, staging(piece.kind));
  Count(prepared, piece);
  return {.status = std::move(given.status),
          .end = std::move(given.end),
          .slabs = prepared.slabs,
          .id_lists = given.id_lists,
          .expected_seconds = prepared.expected_seconds};
}

// kTimeout: a slab is not registered yet; it has been asked for.
Result<Copier::Prepared> Copier::Prepare(const CopyPiece& piece) const {
  Prepared prepared;
  PEGA_RETURN_IF_ERROR(FindSlabs(piece, prepared));
  PEGA_RETURN_IF_ERROR(PlanParts(piece, prepared));
  return prepared;
}

Status Copier::FindSlabs(const CopyPiece& piece, Prepared& prepared) const {
  std::optional<std::uint32_t> last;
  for (const BlockCopy& block : piece.blocks) {
    const std::uint32_t ordinal = block.slot.slab_ordinal;
    if (block.slot.offset_bytes() + layout_.slot_bytes() > options_.slab_bytes) {
      return Status(Code::kInvalidArgument, "slot at page " + std::to_string(block.slot.page) +
                                                " of slab " + std::to_string(ordinal) +
                                                " passes the slab's end");
    }
    if (last == ordinal) continue;
    last = ordinal;
    const Result<const PinnedSlab*> found = pins_->Find(ordinal);
    if (!found.ok()) {
      if (found.status().code() == Code::kTimeout) pins_->Need(ordinal);
      return found.status();
    }
    const std::shared_ptr<SlabFile>& file = found.value()->file;
    const bool listed =
        std::find(prepared.slabs.begin(), prepared.slabs.end(), file) != prepared.slabs.end();
    if (!listed) prepared.slabs.push_back(file);
  }
  return Status::Ok();
}

Status Copier::PlanParts(const CopyPiece& piece, Prepared& prepared) const {
  const Planner& planner = *parts_->planner;
  const std::uint64_t chunk_bytes = staging(piece.kind).chunk_bytes();
  const std::vector<std::uint32_t> ends =
      planner.StageableEnds(piece.first_layer, piece.end_layer, chunk_bytes);
  // Long pieces are a part of a longer job, most likely.
  const bool pipelined =
      ends.size() > 1 || piece.blocks.size() * layout_.slot_bytes() >= kChunkBytesMax / 2;
  CopyPiece part = piece;
  for (const std::uint32_t end : ends) {
    part.end_layer = end;
    std::optional<std::uint64_t> calls_max;
    if (piece.kind == JobKind::kLoadSync) {
      calls_max = planner.CallsOfGroup(kSyncCallsMax, end - part.first_layer);
    }
    Result<CopyPlan> plan = planner.Plan(part, chunk_bytes, slab_address(), calls_max, pipelined);
    if (!plan.ok()) return plan.status();
    prepared.expected_seconds += plan.value().expected_seconds;
    prepared.parts.push_back(
        {.layers = {part.first_layer, end},
         .plan = std::move(plan).value(),
         .spans = planner.Spans(part.first_layer, end)});
    part.first_layer = end;
  }
  return Status::Ok();
}

void Copier::GiveBackIds(JobKind kind, std::uint32_t id_lists) {
  const std::lock_guard lock(mutex(kind));
  lane(kind).GiveBackIds(id_lists);
}

void Copier::Count(const Prepared& prepared, const CopyPiece& piece) {
  const std::span<const BlockLayout::Segment> layers =
      layout_.LayerRange(piece.first_layer, piece.end_layer);
  const std::uint64_t block_bytes = layers.back().slot_offset_bytes + layers.back().bytes -
                                    layers.front().slot_offset_bytes;
  std::uint64_t staged = 0;
  for (const Lane::Part& part : prepared.parts) {
    staged += part.plan.staged_block_ids.size() * part.plan.row_bytes;
    driver_calls_ += part.plan.driver_calls;
  }
  staged_bytes_ += staged;
  direct_bytes_ += piece.blocks.size() * block_bytes - staged;
}

Result<StreamPointPtr> Copier::Mark(std::uint64_t stream) {
  const ScopedContext current(*context_);
  PEGA_RETURN_IF_ERROR(current.status());
  const DriverApi& api = context_->api();
  const auto handle = reinterpret_cast<CUstream>(stream);
  int capturing = kCaptureNone;
  PEGA_RETURN_IF_ERROR(
      ToStatus(api, "cuStreamIsCapturing", api.StreamIsCapturing(handle, &capturing)));
  if (capturing != kCaptureNone) {
    return Status(Code::kUnsupported, "the stream is being captured into a graph");
  }
  Result<StreamPoints::PointPtr> point = points_->Record(handle);
  if (!point.ok()) return point.status();
  return StreamPointPtr(std::move(point).value());
}

Status Copier::HoldStream(std::uint64_t stream, const StreamPoint& point) {
  const ScopedContext current(*context_);
  PEGA_RETURN_IF_ERROR(current.status());
  const DriverApi& api = context_->api();
  const CUevent event = static_cast<const StreamPoints::Point&>(point).event();
  return ToStatus(api, "cuStreamWaitEvent",
                  api.StreamWaitEvent(reinterpret_cast<CUstream>(stream), event, 0));
}

SlabAddress Copier::slab_address() const {
  return [this](std::uint32_t ordinal) -> Result<std::uint64_t> {
    const Result<const PinnedSlab*> found = pins_->Find(ordinal);
    if (!found.ok()) return found.status();
    return reinterpret_cast<std::uint64_t>(found.value()->address);
  };
}

std::vector<std::uint32_t> Copier::FitGroups(std::span<const BlockCopy> blocks,
                                             std::uint32_t layers_per_group,
                                             std::uint64_t calls_max) const {
  return parts_->planner->FitGroups(blocks, layers_per_group, parts_->load_staging.chunk_bytes(),
                                    slab_address(), calls_max);
}

CudaDeviceStats Copier::stats() const {
  CudaDeviceStats stats;
  stats.driver_calls_total = driver_calls_;
  stats.submit_ns_total = submit_ns_;
  stats.staged_bytes_total = staged_bytes_;
  stats.direct_bytes_total = direct_bytes_;
  stats.staging_bytes = parts_->staging_bytes();
  stats.device_bytes = parts_->device_bytes();
  stats.pins = pins_->progress();
  stats.calibration = parts_->calibration;
  return stats;
}

}  // namespace

Result<std::unique_ptr<CudaDevice>> CudaDevice::Create(BlockLayout layout,
                                                       std::shared_ptr<SlabSet> slabs,
                                                       const CudaDeviceOptions& options,
                                                       const DriverApi* api) {
  if (api == nullptr) {
    const Result<const DriverApi*> found = DriverApi::Get();
    if (!found.ok()) return found.status();
    api = found.value();
  }
  Result<std::shared_ptr<const Context>> context = Context::RetainPrimary(*api, options.ordinal);
  if (!context.ok()) return context.status();
  auto device =
      std::make_unique<Copier>(std::move(layout), std::move(context).value(), options);
  PEGA_RETURN_IF_ERROR(device->Open(std::move(slabs)));
  return std::unique_ptr<CudaDevice>(std::move(device));
}

}  // namespace pega::cuda
