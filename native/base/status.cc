#include "base/status.h"

#include <cstring>

namespace pega {

const char* CodeName(Code code) {
  switch (code) {
    case Code::kOk: return "PEGA_OK";
    case Code::kInvalidArgument: return "PEGA_INVALID_ARGUMENT";
    case Code::kNotFound: return "PEGA_NOT_FOUND";
    case Code::kAlreadyExists: return "PEGA_ALREADY_EXISTS";
    case Code::kPoolBusy: return "PEGA_POOL_BUSY";
    case Code::kStaleBoot: return "PEGA_STALE_BOOT";
    case Code::kNotSameHost: return "PEGA_NOT_SAME_HOST";
    case Code::kWrongOwner: return "PEGA_WRONG_OWNER";
    case Code::kNotReserved: return "PEGA_NOT_RESERVED";
    case Code::kIdReused: return "PEGA_ID_REUSED";
    case Code::kLimit: return "PEGA_LIMIT";
    case Code::kNoSpace: return "PEGA_NO_SPACE";
    case Code::kSlabChanged: return "PEGA_SLAB_CHANGED";
    case Code::kLayoutVersion: return "PEGA_LAYOUT_VERSION";
    case Code::kCancelled: return "PEGA_CANCELLED";
    case Code::kTimeout: return "PEGA_TIMEOUT";
    case Code::kUnsupported: return "PEGA_UNSUPPORTED";
    case Code::kIo: return "PEGA_IO";
    case Code::kInternal: return "PEGA_INTERNAL";
    case Code::kDevice: return "PEGA_DEVICE";
  }
  return "PEGA_INTERNAL";
}

Status Status::Io(const std::string& what, int error_number) {
  return Status(Code::kIo, what + ": " + std::strerror(error_number));
}

}  // namespace pega
