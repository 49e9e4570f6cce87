// Arguments: reads what JavaScript passed and believes none of it.
//
// The first value that is wrong is remembered; everything read after it is zero or empty and must
// not be used. `Failed()` after the last read throws PEGA_INVALID_ARGUMENT with the call's and the
// value's name. Spans point into JavaScript's memory: valid until the next call into JavaScript, so
// read objects (their getters may run code) before spans.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/slot_address.h"
#include "base/status.h"
#include "node/napi_setup.h"

namespace pega::node {

// Numbers are exact up to here in JavaScript.
inline constexpr std::uint64_t kSafeIntegerMax = (std::uint64_t{1} << 53) - 1;

class Arguments {
 public:
  // call: "Pool.lease", for messages. Must outlive this.
  Arguments(Napi::Env env, const char* call) : env_(env), call_(call) {}

  std::uint64_t Integer(Napi::Value value, const char* name, std::uint64_t min = 0,
                        std::uint64_t max = kSafeIntegerMax);
  std::uint32_t U32(Napi::Value value, const char* name, std::uint32_t min = 0,
                    std::uint32_t max = UINT32_MAX);
  std::uint64_t BigU64(Napi::Value value, const char* name);
  double PositiveNumber(Napi::Value value, const char* name, double max);
  bool Bool(Napi::Value value, const char* name);
  std::string String(Napi::Value value, const char* name);

  // A Uint8Array or Buffer, of any length.
  std::span<const std::uint8_t> Bytes(Napi::Value value, const char* name);
  std::vector<std::uint32_t> U32Array(Napi::Value value, const char* name);  // a Uint32Array
  std::vector<std::int32_t> I32Array(Napi::Value value, const char* name);   // an Int32Array
  // Packed little-endian words in a Uint8Array, which may lie at any address.
  std::vector<SlotAddress> Slots(Napi::Value value, const char* name);
  std::vector<std::uint32_t> PackedU32(Napi::Value value, const char* name);
  std::vector<std::uint64_t> PackedU64(Napi::Value value, const char* name);
  template <std::size_t N>
  std::array<std::uint8_t, N> Exactly(Napi::Value value, const char* name) {
    std::array<std::uint8_t, N> bytes{};
    CopyExactly(value, name, bytes);
    return bytes;
  }

  Napi::Object Object(Napi::Value value, const char* name);
  Napi::Value Field(Napi::Object object, const char* name);
  // The array's length, at most `max`.
  std::uint32_t ArrayLength(Napi::Value value, const char* name, std::uint32_t max);
  Napi::Value Element(Napi::Value array, std::uint32_t index);

  // A check of the caller's own.
  void Require(bool condition, const char* name, const std::string& required);

  bool ok() const { return !failed_; }
  // True, with an exception pending, when something was wrong.
  bool Failed();

 private:
  struct TypedArray {
    const void* address = nullptr;
    std::size_t length = 0;
  };
  TypedArray ReadTypedArray(Napi::Value value, const char* name, napi_typedarray_type type,
                            const char* type_name);
  template <typename Word>
  std::vector<Word> Packed(Napi::Value value, const char* name);
  void CopyExactly(Napi::Value value, const char* name, std::span<std::uint8_t> target);
  void Fail(const char* name, const std::string& required, Napi::Value found);

  Napi::Env env_;
  const char* call_;
  bool failed_ = false;
  Status status_;
};

}  // namespace pega::node
