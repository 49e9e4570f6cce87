// Copies of native values for JavaScript: sizes and counts as numbers, packed words as Buffers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "node/napi_setup.h"

namespace pega::node {

inline Napi::Number ToNumber(Napi::Env env, std::uint64_t number) {
  return Napi::Number::New(env, static_cast<double>(number));
}

// The bytes of a span of trivially copyable words, as they lie in memory.
template <typename Word>
Napi::Value ToBuffer(Napi::Env env, std::span<const Word> words) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(words.data());
  return Napi::Buffer<std::uint8_t>::Copy(env, bytes, words.size_bytes());
}

inline Napi::Value ToArray(Napi::Env env, const std::vector<std::uint64_t>& numbers) {
  Napi::Array array = Napi::Array::New(env, numbers.size());
  for (std::uint32_t i = 0; i < numbers.size(); ++i) array.Set(i, ToNumber(env, numbers[i]));
  return array;
}

}  // namespace pega::node
