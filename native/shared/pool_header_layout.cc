#include "shared/pool_header_layout.h"

#include <string>

#include "shared/pool_header.h"

namespace pega {

Status CheckHeaderFields(const HeaderFields& fields) {
  if (fields.magic != kHeaderMagic) {
    return Status(Code::kLayoutVersion, "the pool's header was not written by pega");
  }
  if (fields.layout_version != kSharedLayoutVersion ||
      fields.ordinal_capacity != kSlabOrdinalsMax) {
    return Status(Code::kLayoutVersion,
                  "the pool's header has layout version " + std::to_string(fields.layout_version) +
                      " for " + std::to_string(fields.ordinal_capacity) +
                      " slabs; this pega has version " + std::to_string(kSharedLayoutVersion) +
                      " for " + std::to_string(kSlabOrdinalsMax));
  }
  return Status::Ok();
}

}  // namespace pega
