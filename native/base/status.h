// Status and Result<T>: how every native function says what went wrong.
//
// Used by every native room. No exceptions cross or start anywhere in native/ outside native/node.
// A Status carries a closed code and one sentence that says what was found and what is required;
// what to try is added where people read it (src/errors.ts keys its advice by the code's name).
// Allocation failure aborts the process: all large memory is taken at start.
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace pega {

enum class Code : std::uint8_t {
  kOk,
  kInvalidArgument,  // the caller's input; message names the field
  kNotFound,         // no such file, engine, namespace, lease or reservation
  kAlreadyExists,    // an id or a file is there already
  kPoolBusy,         // another server holds the pool's lock
  kStaleBoot,        // grant and header differ in boot number: the server restarted
  kNotSameHost,      // hold file absent, other nonce or unlocked: not this host's memory
  kWrongOwner,       // lease, reservation or token of another engine
  kNotReserved,      // Seal or Abandon of what was never reserved, or of another generation
  kIdReused,         // an id that is in use, finished, or below the client's watermark
  kLimit,            // a bound of limits.h would be passed
  kNoSpace,          // memory or tmpfs space is missing
  kSlabChanged,      // a slab file was truncated, replaced or removed from outside
  kLayoutVersion,    // shared memory written by another version of pega
  kCancelled,        // the job or object was closed first
  kTimeout,          // a bounded wait ended
  kUnsupported,      // this machine or build lacks it
  kIo,               // a system call failed; message has the call and errno's text
  kInternal,         // a bug in pega
  kDevice,           // a call of the GPU's driver failed; message has the call and its error
};

// The code's public name, "PEGA_…": the same word in JavaScript errors, gRPC details and the C ABI.
const char* CodeName(Code code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {
    assert(code != Code::kOk);
  }
  static Status Ok() { return Status(); }
  // A failed system call: "open /dev/shm/x: No such file or directory". Reads errno's value given.
  static Status Io(const std::string& what, int error_number);

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

// A value or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}                                  // NOLINT: implicit
  Result(Status status) : status_(std::move(status)) { assert(!status_.ok()); }  // NOLINT: implicit

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  // REQUIRES: ok().
  T& value() & { assert(ok()); return *value_; }
  const T& value() const& { assert(ok()); return *value_; }
  T&& value() && { assert(ok()); return std::move(*value_); }

 private:
  Status status_;
  std::optional<T> value_;
};

}  // namespace pega

// Leaves the function with the Status of a failed expression.
#define PEGA_RETURN_IF_ERROR(expression)              \
  do {                                                \
    ::pega::Status pega_status_ = (expression);       \
    if (!pega_status_.ok()) return pega_status_;      \
  } while (false)
