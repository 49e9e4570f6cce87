#include "transfer/device.h"

namespace pega {

Result<StreamPointPtr> Device::Mark(std::uint64_t) {
  return Status(Code::kUnsupported, "this device has no streams");
}

Status Device::HoldStream(std::uint64_t, const StreamPoint&) {
  return Status(Code::kUnsupported, "this device has no streams");
}

}  // namespace pega
