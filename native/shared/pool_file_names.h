// The names of a pool's files: made here, and recognised here, so that a server finds what a
// crashed one left. pool_folder.h lists them. Knows nothing of folders.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shared/pool_folder.h"

namespace pega {

std::string MarksFileName(const PoolId& pool);
std::string HoldFileName(const PoolId& pool, const EngineId& engine);
std::string SlabFileName(const PoolId& pool, std::uint32_t ordinal, std::uint64_t slab_id);

// A hold file is made under this name, then linked to its own (PROTOCOL §2).
std::string TemporaryName(const std::string& path, std::uint64_t random);

// The pool id (32 hex digits) in the name of a mark, hold, temporary hold or slab file; nothing for
// any other name.
std::optional<std::string_view> PoolIdInFileName(std::string_view name);

}  // namespace pega
