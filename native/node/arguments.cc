#include "node/arguments.h"

#include <cmath>
#include <cstring>

#include "node/errors.h"

namespace pega::node {
namespace {

constexpr std::size_t kStringBytesMax = 4096;
constexpr std::size_t kFoundCharsMax = 40;

// What to say about a value in a message, without running its code.
std::string Describe(Napi::Value value) {
  if (value.IsEmpty()) return "nothing";
  switch (value.Type()) {
    case napi_undefined: return "undefined";
    case napi_null: return "null";
    case napi_boolean: return value.As<Napi::Boolean>().Value() ? "true" : "false";
    case napi_number: {
      const double number = value.As<Napi::Number>().DoubleValue();
      if (std::isnan(number)) return "NaN";
      char text[32];
      std::snprintf(text, sizeof(text), "%.17g", number);
      return text;
    }
    case napi_string: {
      const std::string text = value.As<Napi::String>().Utf8Value();
      return "'" + (text.size() > kFoundCharsMax ? text.substr(0, kFoundCharsMax) + "…" : text) +
             "'";
    }
    case napi_symbol: return "a symbol";
    case napi_function: return "a function";
    case napi_bigint: return "a bigint";
    case napi_object:
    case napi_external: break;
  }
  return value.IsArray() ? "an array" : "an object";
}

}  // namespace

std::uint64_t Arguments::Integer(Napi::Value value, const char* name, std::uint64_t min,
                                 std::uint64_t max) {
  if (failed_) return 0;
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  const bool whole =
      number >= 0 && number <= static_cast<double>(kSafeIntegerMax) && number == std::floor(number);
  const std::uint64_t integer = whole ? static_cast<std::uint64_t>(number) : 0;
  if (!whole || integer < min || integer > max) {
    Fail(name, "a whole number from " + std::to_string(min) + " to " + std::to_string(max), value);
    return 0;
  }
  return integer;
}

std::uint32_t Arguments::U32(Napi::Value value, const char* name, std::uint32_t min,
                             std::uint32_t max) {
  return static_cast<std::uint32_t>(Integer(value, name, min, max));
}

std::uint64_t Arguments::BigU64(Napi::Value value, const char* name) {
  if (failed_) return 0;
  std::uint64_t number = 0;
  bool lossless = false;
  const napi_status status = napi_get_value_bigint_uint64(env_, value, &number, &lossless);
  if (status != napi_ok || !lossless) {
    Fail(name, "a bigint from 0 to 2^64 - 1", value);
    return 0;
  }
  return number;
}

double Arguments::PositiveNumber(Napi::Value value, const char* name, double max) {
  if (failed_) return 0;
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number > 0 && number <= max)) {
    Fail(name, "a number above 0, at most " + std::to_string(max), value);
    return 0;
  }
  return number;
}

bool Arguments::Bool(Napi::Value value, const char* name) {
  if (failed_) return false;
  if (!value.IsBoolean()) {
    Fail(name, "true or false", value);
    return false;
  }
  return value.As<Napi::Boolean>().Value();
}

std::string Arguments::String(Napi::Value value, const char* name) {
  if (failed_) return {};
  if (!value.IsString()) {
    Fail(name, "a string", value);
    return {};
  }
  std::string text = value.As<Napi::String>().Utf8Value();
  if (text.size() > kStringBytesMax || text.find('\0') != std::string::npos) {
    Fail(name, "a string of at most 4,096 bytes without a zero byte", value);
    return {};
  }
  return text;
}

Arguments::TypedArray Arguments::ReadTypedArray(Napi::Value value, const char* name,
                                                napi_typedarray_type type, const char* type_name) {
  if (failed_) return {};
  if (!value.IsTypedArray()) {
    Fail(name, type_name, value);
    return {};
  }
  napi_typedarray_type found{};
  std::size_t length = 0;
  void* address = nullptr;
  napi_value buffer = nullptr;
  bool private_buffer = false;
  napi_get_typedarray_info(env_, value, &found, &length, &address, &buffer, nullptr);
  // Another thread could change a SharedArrayBuffer between the check of a value and its use.
  napi_is_arraybuffer(env_, buffer, &private_buffer);
  const bool same =
      found == type || (type == napi_uint8_array && found == napi_uint8_clamped_array);
  if (!same || !private_buffer) {
    Fail(name, std::string(type_name) + " that is not shared", value);
    return {};
  }
  bool detached = false;
  napi_is_detached_arraybuffer(env_, buffer, &detached);
  if (detached) {
    Fail(name, std::string(type_name) + " that is not detached", value);
    return {};
  }
  return {address, address == nullptr ? 0 : length};
}

std::span<const std::uint8_t> Arguments::Bytes(Napi::Value value, const char* name) {
  const TypedArray array = ReadTypedArray(value, name, napi_uint8_array, "a Uint8Array");
  return {static_cast<const std::uint8_t*>(array.address), array.length};
}

std::vector<std::uint32_t> Arguments::U32Array(Napi::Value value, const char* name) {
  const TypedArray array = ReadTypedArray(value, name, napi_uint32_array, "a Uint32Array");
  const auto* first = static_cast<const std::uint32_t*>(array.address);
  return {first, first + array.length};
}

std::vector<std::int32_t> Arguments::I32Array(Napi::Value value, const char* name) {
  const TypedArray array = ReadTypedArray(value, name, napi_int32_array, "an Int32Array");
  const auto* first = static_cast<const std::int32_t*>(array.address);
  return {first, first + array.length};
}

template <typename Word>
std::vector<Word> Arguments::Packed(Napi::Value value, const char* name) {
  const std::span<const std::uint8_t> bytes = Bytes(value, name);
  if (bytes.size() % sizeof(Word) != 0) {
    Fail(name, "a length that is a multiple of " + std::to_string(sizeof(Word)),
         Napi::Number::New(env_, static_cast<double>(bytes.size())));
    return {};
  }
  std::vector<Word> words(bytes.size() / sizeof(Word));
  if (!words.empty()) std::memcpy(words.data(), bytes.data(), bytes.size());
  return words;
}

std::vector<SlotAddress> Arguments::Slots(Napi::Value value, const char* name) {
  return Packed<SlotAddress>(value, name);
}

std::vector<std::uint32_t> Arguments::PackedU32(Napi::Value value, const char* name) {
  return Packed<std::uint32_t>(value, name);
}

std::vector<std::uint64_t> Arguments::PackedU64(Napi::Value value, const char* name) {
  return Packed<std::uint64_t>(value, name);
}

void Arguments::CopyExactly(Napi::Value value, const char* name, std::span<std::uint8_t> target) {
  const std::span<const std::uint8_t> bytes = Bytes(value, name);
  if (failed_) return;
  if (bytes.size() != target.size()) {
    Fail(name, std::to_string(target.size()) + " bytes",
         Napi::Number::New(env_, static_cast<double>(bytes.size())));
    return;
  }
  std::memcpy(target.data(), bytes.data(), bytes.size());
}

Napi::Object Arguments::Object(Napi::Value value, const char* name) {
  if (!failed_ && !value.IsObject()) Fail(name, "an object", value);
  return failed_ ? Napi::Object::New(env_) : value.As<Napi::Object>();
}

Napi::Value Arguments::Field(Napi::Object object, const char* name) {
  if (failed_) return env_.Undefined();
  napi_value value = nullptr;
  if (napi_get_named_property(env_, object, name, &value) != napi_ok) {
    failed_ = true;  // a getter threw: its exception is pending and stays
    return env_.Undefined();
  }
  return {env_, value};
}

std::uint32_t Arguments::ArrayLength(Napi::Value value, const char* name, std::uint32_t max) {
  if (failed_) return 0;
  std::uint32_t length = 0;
  if (!value.IsArray() || napi_get_array_length(env_, value, &length) != napi_ok || length > max) {
    Fail(name, "an array of at most " + std::to_string(max) + " elements", value);
    return 0;
  }
  return length;
}

Napi::Value Arguments::Element(Napi::Value array, std::uint32_t index) {
  if (failed_) return env_.Undefined();
  napi_value value = nullptr;
  if (napi_get_element(env_, array, index, &value) != napi_ok) {
    failed_ = true;
    return env_.Undefined();
  }
  return {env_, value};
}

void Arguments::Require(bool condition, const char* name, const std::string& required) {
  if (failed_ || condition) return;
  failed_ = true;
  status_ =
      Status(Code::kInvalidArgument, std::string(call_) + ": `" + name + "` must be " + required);
}

bool Arguments::Failed() {
  if (!failed_) return false;
  bool pending = false;
  napi_is_exception_pending(env_, &pending);
  if (!pending && !status_.ok()) Throw(env_, status_);
  return true;
}

void Arguments::Fail(const char* name, const std::string& required, Napi::Value found) {
  if (failed_) return;
  Require(false, name, required + "; found " + Describe(found));
}

}  // namespace pega::node
