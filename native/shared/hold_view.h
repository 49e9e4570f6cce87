// HoldView: the server's look at an engine's hold file. hold_file.h has the layout.
//
// Opens each file once and keeps the descriptor until removal: closing it would free the server's
// own lock on the file. Locks of the server's own process are invisible to it (fcntl): an engine
// inside the server's process would look dead, so there is none.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "shared/pool_folder.h"

namespace pega {

class HoldView {
 public:
  // Checks magic, version, pool and engine id, and that the file has the size its fields demand.
  // Anything else is kNotSameHost: the client did not write into this folder.
  static Result<std::unique_ptr<HoldView>> Open(const PoolFolder& folder, const PoolId& pool,
                                                const EngineId& engine, std::uint32_t rank_count,
                                                std::uint64_t page_count);
  virtual ~HoldView() = default;

  // True if the record carries this nonce and a living process has its byte locked.
  virtual bool Proves(std::uint32_t record, const Nonce& nonce) const = 0;
  virtual bool Alive(std::uint32_t record) const = 0;  // the byte is locked
  virtual bool AnyAlive() const = 0;
  virtual std::uint64_t HeldPages() const = 0;
  virtual bool PageHeld(std::uint64_t page) const = 0;
  virtual std::uint64_t SlabsReady(std::uint32_t record) const = 0;
  // Locks the whole file, then unlinks it: false if somebody still holds a byte.
  virtual Result<bool> RemoveIfDead() = 0;
};

// Removes the file of a former pool if none of its bytes is locked; false if somebody lives.
Result<bool> RemoveDeadHoldFile(const std::string& path);

}  // namespace pega
