#include "node/addon_state.h"

#include "shared/pool_folder.h"

namespace pega::node {

AddonState::AddonState() {
  // Without random bytes the tags are still distinct between classes, only not between loads.
  const Status status = FillRandom(reinterpret_cast<std::uint8_t*>(&tag_seed_), sizeof(tag_seed_));
  static_cast<void>(status);
}

}  // namespace pega::node
