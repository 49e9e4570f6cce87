// What tests of hold files share: a pool with a header, specs of records, the server's view.
#pragma once

#include <memory>
#include <string>

#include "shared/hold_file.h"
#include "shared/hold_view.h"
#include "shared/pool_header.h"
#include "shared/temp_pool.h"

namespace pega {

class HoldTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kSlab = std::uint64_t{1} << 20;  // 256 pages
  static constexpr std::uint32_t kSlabs = 4;
  static constexpr std::uint64_t kPages = kSlabs * kSlab / kPageBytes;

  HoldSpec Spec(std::uint32_t record, std::uint32_t ranks = 1) const {
    HoldSpec spec;
    spec.pool_id = pool_id_;
    spec.engine_id = engine_id_;
    spec.nonce.fill(static_cast<std::uint8_t>(0x40 + record));
    spec.record = record;
    spec.rank_count = ranks;
    spec.slab_bytes = kSlab;
    spec.ordinal_capacity = kSlabs;
    return spec;
  }

  Result<std::shared_ptr<HoldFile>> Join(const HoldSpec& spec) const {
    return HoldFile::CreateOrJoin(folder(), spec);
  }
  Result<std::unique_ptr<HoldView>> View(std::uint32_t ranks = 1) const {
    return HoldView::Open(folder(), pool_id_, engine_id_, ranks, kPages);
  }
  const PoolFolder& folder() const { return pool_.folder(); }
  std::string path() const { return folder().HoldPath(pool_id_, engine_id_); }

  static Nonce NonceOf(std::uint32_t record) {
    Nonce nonce;
    nonce.fill(static_cast<std::uint8_t>(0x40 + record));
    return nonce;
  }

  const TempPool pool_;
  const PoolId pool_id_ = SomePool(0x11);
  const EngineId engine_id_ = SomeEngine(0x22);
};

// Which pages of the first slab are held: "0110…" for the first `count`.
inline std::string HeldString(const HoldView& view, std::uint64_t count) {
  std::string text;
  for (std::uint64_t page = 0; page < count; ++page) text += view.PageHeld(page) ? '1' : '0';
  return text;
}

}  // namespace pega
