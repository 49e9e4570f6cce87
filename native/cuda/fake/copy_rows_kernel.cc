// pega_scatter_W and pega_gather_W: rows to blocks, and back.
#include <cstring>

#include "cuda/fake/kernels.h"
#include "cuda/fake/machine.h"
#include "cuda/kernels/copy_rows.h"

namespace pega::cuda::fake {
namespace {

class CopyRowsKernel : public Work {
 public:
  CopyRowsKernel(const CopyRowsArguments& of, bool scatter, unsigned width)
      : of_(of), scatter_(scatter), width_(width) {}

  // Reads spans and block ids anew each time, as late as the device would.
  CUresult Prepare(Driver& driver, Operation& operation) override {
    Machine& machine = *driver.machine;
    const CUresult misaligned = CheckArguments(machine, operation);
    if (misaligned != kSuccess) return misaligned;
    const auto* const spans = reinterpret_cast<const RowSpan*>(
        KernelBytes(machine, operation, of_.spans, of_.span_count * sizeof(RowSpan)));
    const auto* const ids = reinterpret_cast<const std::uint32_t*>(
        KernelBytes(machine, operation, of_.block_ids, of_.block_count * sizeof(std::uint32_t)));
    if (spans == nullptr || ids == nullptr) return kErrorIllegalAddress;
    pieces_.clear();
    std::vector<ByteSet::Range> in_blocks, in_rows;
    for (std::uint32_t row = 0; row < of_.block_count; ++row) {
      for (std::uint32_t s = 0; s < of_.span_count; ++s) {
        const CUresult result = AddPiece(machine, operation, spans[s], ids[row], row);
        if (result != kSuccess) return result;
        const std::uint64_t begin = Address(spans[s], ids[row]);
        in_blocks.push_back({begin, begin + spans[s].bytes});
        const std::uint64_t in_row = InRow(spans[s], row);
        in_rows.push_back({in_row, in_row + spans[s].bytes});
      }
    }
    if (operation.state == Operation::State::kQueued) Announce(machine, operation, in_blocks, in_rows);
    return kSuccess;
  }

  void Garble() override {
    constexpr int kGarbage = 0xDB;
    for (const Piece& piece : pieces_) std::memset(piece.to, kGarbage, piece.bytes);
  }
  void Move() override {
    for (const Piece& piece : pieces_) std::memcpy(piece.to, piece.from, piece.bytes);
  }

 private:
  struct Piece {
    std::byte* to;
    const std::byte* from;
    std::size_t bytes;
  };

  static std::uint64_t Address(const RowSpan& span, std::uint32_t block) {
    return span.device_address + block * span.block_stride_bytes;
  }
  std::uint64_t InRow(const RowSpan& span, std::uint32_t row) const {
    return of_.rows + row * of_.row_pitch_bytes + span.row_offset_bytes;
  }

  CUresult CheckArguments(Machine& machine, const Operation& operation) const {
    if (of_.rows % width_ == 0 && of_.row_pitch_bytes % width_ == 0 &&
        of_.spans % alignof(RowSpan) == 0 && of_.block_ids % alignof(std::uint32_t) == 0) {
      return kSuccess;
    }
    machine.misuse.Note(Describe(operation) + ": misaligned rows, pitch, spans or block ids");
    return kErrorMisalignedAddress;
  }

  CUresult AddPiece(Machine& machine, const Operation& operation, const RowSpan& span,
                    std::uint32_t block, std::uint32_t row) {
    if (span.device_address % width_ != 0 || span.block_stride_bytes % width_ != 0 ||
        span.row_offset_bytes % width_ != 0 || span.bytes % width_ != 0) {
      machine.misuse.Note(Describe(operation) + ": a span of " + std::to_string(span.bytes) +
                          " bytes that are not all multiples of " + std::to_string(width_));
      return kErrorMisalignedAddress;
    }
    if (span.row_offset_bytes + span.bytes > of_.row_pitch_bytes) {
      machine.misuse.Note(Describe(operation) + ": a span goes past its row");
      return kErrorIllegalAddress;
    }
    std::byte* const in_row =
        KernelBytes(machine, operation, InRow(span, row), span.bytes);
    std::byte* const in_block = KernelBytes(machine, operation, Address(span, block), span.bytes);
    if (in_row == nullptr || in_block == nullptr) return kErrorIllegalAddress;
    pieces_.push_back(scatter_ ? Piece{in_block, in_row, span.bytes}
                               : Piece{in_row, in_block, span.bytes});
    return kSuccess;
  }

  // Tells the race check which bytes of blocks and rows are touched.
  void Announce(Machine& machine, Operation& operation,
                const std::vector<ByteSet::Range>& in_blocks,
                const std::vector<ByteSet::Range>& in_rows) const {
    std::uint64_t sum = 0;
    for (const ByteSet::Range& range : in_blocks) sum += range.end - range.begin;
    const ByteSet blocks(in_blocks);
    if (scatter_ && blocks.bytes() != sum) {
      machine.misuse.Note(Describe(operation) + ": writes bytes of a block twice");
    }
    const ByteSet rows(in_rows);
    machine.races.AddAccesses(operation, scatter_ ? rows : blocks, scatter_ ? blocks : rows);
  }

  const CopyRowsArguments of_;
  const bool scatter_;
  const unsigned width_;
  std::vector<Piece> pieces_;
};

}  // namespace

std::unique_ptr<Work> MakeCopyRows(const void* parameter, bool scatter, unsigned width,
                                   ByteSet* reads, ByteSet* writes) {
  CopyRowsArguments of;
  std::memcpy(&of, parameter, sizeof of);
  reads->Add(of.spans, of.span_count * sizeof(RowSpan));
  reads->Add(of.block_ids, of.block_count * sizeof(std::uint32_t));
  // Where rows begin; how far spans reach into them is seen when they are read. A row that is read
  // in a slot is shorter than its pitch: what lies behind it is another's.
  (scatter ? reads : writes)->AddRows(of.rows, of.row_pitch_bytes, 1, of.block_count);
  return std::make_unique<CopyRowsKernel>(of, scatter, width);
}

}  // namespace pega::cuda::fake
