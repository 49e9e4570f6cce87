#include "c/codes.h"

#include <utility>

#include "c/pega.h"
#include "shared/pool_header.h"

namespace pega {
namespace {

// The numbers of pega.h are those of Code: checked once for each.
#define PEGA_SAME(word, code) static_assert(static_cast<int>(word) == static_cast<int>(Code::code))
PEGA_SAME(PEGA_OK, kOk);
PEGA_SAME(PEGA_INVALID_ARGUMENT, kInvalidArgument);
PEGA_SAME(PEGA_NOT_FOUND, kNotFound);
PEGA_SAME(PEGA_ALREADY_EXISTS, kAlreadyExists);
PEGA_SAME(PEGA_POOL_BUSY, kPoolBusy);
PEGA_SAME(PEGA_STALE_BOOT, kStaleBoot);
PEGA_SAME(PEGA_NOT_SAME_HOST, kNotSameHost);
PEGA_SAME(PEGA_WRONG_OWNER, kWrongOwner);
PEGA_SAME(PEGA_NOT_RESERVED, kNotReserved);
PEGA_SAME(PEGA_ID_REUSED, kIdReused);
PEGA_SAME(PEGA_LIMIT, kLimit);
PEGA_SAME(PEGA_NO_SPACE, kNoSpace);
PEGA_SAME(PEGA_SLAB_CHANGED, kSlabChanged);
PEGA_SAME(PEGA_LAYOUT_VERSION, kLayoutVersion);
PEGA_SAME(PEGA_CANCELLED, kCancelled);
PEGA_SAME(PEGA_TIMEOUT, kTimeout);
PEGA_SAME(PEGA_UNSUPPORTED, kUnsupported);
PEGA_SAME(PEGA_IO, kIo);
PEGA_SAME(PEGA_INTERNAL, kInternal);
PEGA_SAME(PEGA_DEVICE, kDevice);
#undef PEGA_SAME

std::string& LastMessage() {
  thread_local std::string message;
  return message;
}

}  // namespace

int Tell(const Status& status) {
  if (!status.ok()) LastMessage() = status.message();
  return static_cast<int>(status.code());
}

int Refuse(std::string message) { return Tell(Status(Code::kInvalidArgument, std::move(message))); }

void Note(const Status& status) { LastMessage() = status.message(); }

}  // namespace pega

extern "C" {

uint32_t pega_abi_version(void) { return PEGA_ABI_VERSION; }

uint32_t pega_shared_layout_version(void) { return pega::kSharedLayoutVersion; }

const char* pega_code_name(int code) {
  if (code < PEGA_OK || code > PEGA_DEVICE) return "PEGA_UNKNOWN";
  return pega::CodeName(static_cast<pega::Code>(code));
}

const char* pega_last_message(void) { return pega::LastMessage().c_str(); }

}  // extern "C"
