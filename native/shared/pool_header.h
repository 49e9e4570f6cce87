// The header file: what every process of a pool agrees on. Never replaced, fixed size.
//
//   0    magic u64 | layout_version u32 | ordinal_capacity u32
//   16   boot_number u64 (atomic)          changes first, at each start of a server
//   24   pool_id 16 bytes | slab_bytes u64 | slab_count u32 (atomic: filled so far) | server_pid u32
//   64…  slab table: ordinal_capacity × {slab_id u64 (0: none), inode u64, page_bytes u64, 0 u64}
//
// Writers: the one server that holds the fcntl lock (byte 0). It stores an odd number, which no grant
// ever has, then everything else, then its boot number, which is even, with fences; a reader reads
// the number before and after (ReadSlab) and so never pairs one boot with the table of another. Boot
// numbers start from the wall clock in microseconds and only rise, so that a header that somebody
// deleted cannot bring an old number back. 0 is never a boot: nothing is granted or read under it.
//
// Thread safety: ServerHeader belongs to one thread; HeaderView's methods may be called from any.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/scoped_fd.h"
#include "base/slot_address.h"
#include "base/status.h"
#include "shared/mapping.h"
#include "shared/pool_folder.h"

namespace pega {

inline constexpr std::uint32_t kSharedLayoutVersion = 1;

struct SlabRecord {
  std::uint64_t slab_id = 0;  // 0: no such slab, or retired
  std::uint64_t inode = 0;
  std::uint64_t page_bytes = 0;  // 4096, or the huge page size of a hugetlbfs slab
};

// The server's side: locks, then writes.
class ServerHeader {
 public:
  // Opens or makes the header and takes its lock. kPoolBusy names the pid that has it.
  // A header of another layout version is refused (kLayoutVersion), not overwritten.
  static Result<std::unique_ptr<ServerHeader>> Acquire(const PoolFolder& folder);
  virtual ~ServerHeader() = default;

  // New boot number, new random pool id, empty table. Engines see it and let go of the old slabs.
  virtual Status Begin(std::uint64_t slab_bytes) = 0;
  virtual void PublishSlab(std::uint32_t ordinal, const SlabRecord& record) = 0;  // raises slab_count
  virtual void RetireSlab(std::uint32_t ordinal) = 0;                            // slab_id := 0

  virtual std::uint64_t boot_number() const = 0;
  virtual const PoolId& pool_id() const = 0;
};

// An engine's side: reads only.
class HeaderView {
 public:
  static Result<std::unique_ptr<HeaderView>> Open(const PoolFolder& folder);
  virtual ~HeaderView() = default;

  // Sequentially consistent load: the comparison of PROTOCOL §3. 0 if the header was unlinked or
  // cut short, or a server is just beginning.
  virtual std::uint64_t boot_number() const = 0;
  virtual PoolId pool_id() const = 0;
  virtual std::uint64_t slab_bytes() const = 0;
  virtual std::uint32_t slab_count() const = 0;
  // kStaleBoot if the boot number is not `boot`, before or after reading; kNotFound if the ordinal
  // holds no slab.
  virtual Result<SlabRecord> ReadSlab(std::uint32_t ordinal, std::uint64_t boot) const = 0;
};

}  // namespace pega
