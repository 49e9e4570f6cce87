#include "shared/pool_file_names.h"

#include <algorithm>
#include <cstddef>

namespace pega {
namespace {

constexpr std::size_t kPoolIdDigits = 2 * kPoolIdBytes;
constexpr std::size_t kEngineIdDigits = 2 * kEngineIdBytes;
constexpr std::size_t kSlabIdDigits = 16;
constexpr std::string_view kTemporaryMark = ".new-";

std::string Hex64(std::uint64_t value) {
  std::uint8_t bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (56 - 8 * i));
  return ToHex(bytes, sizeof(bytes));
}

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsDecimal(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "-ORDINAL-SLABID"
bool IsSlabEnd(std::string_view end) {
  if (end.size() < kSlabIdDigits + 3 || end.front() != '-') return false;
  const std::size_t dash = end.size() - kSlabIdDigits - 1;
  return end[dash] == '-' && IsDecimal(end.substr(1, dash - 1)) && IsHex(end.substr(dash + 1));
}

// "-ENGINEID", or that and ".new-RANDOM"
bool IsHoldEnd(std::string_view end) {
  if (end.size() < kEngineIdDigits + 1 || end.front() != '-') return false;
  if (!IsHex(end.substr(1, kEngineIdDigits))) return false;
  const std::string_view rest = end.substr(kEngineIdDigits + 1);
  if (rest.empty()) return true;
  return rest.starts_with(kTemporaryMark) && IsHex(rest.substr(kTemporaryMark.size()));
}

}  // namespace

std::string MarksFileName(const PoolId& pool) { return "marks-" + ToHex(pool.data(), pool.size()); }

std::string HoldFileName(const PoolId& pool, const EngineId& engine) {
  return "hold-" + ToHex(pool.data(), pool.size()) + "-" + ToHex(engine.data(), engine.size());
}

std::string SlabFileName(const PoolId& pool, std::uint32_t ordinal, std::uint64_t slab_id) {
  return "slab-" + ToHex(pool.data(), pool.size()) + "-" + std::to_string(ordinal) + "-" +
         Hex64(slab_id);
}

std::string TemporaryName(const std::string& path, std::uint64_t random) {
  return path + std::string(kTemporaryMark) + Hex64(random);
}

std::optional<std::string_view> PoolIdInFileName(std::string_view name) {
  const std::size_t dash = name.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view kind = name.substr(0, dash);
  const std::string_view rest = name.substr(dash + 1);
  if (rest.size() < kPoolIdDigits) return std::nullopt;
  const std::string_view pool = rest.substr(0, kPoolIdDigits);
  const std::string_view end = rest.substr(kPoolIdDigits);
  if (!IsHex(pool)) return std::nullopt;
  const bool known = (kind == "marks" && end.empty()) || (kind == "slab" && IsSlabEnd(end)) ||
                     (kind == "hold" && IsHoldEnd(end));
  return known ? std::optional(pool) : std::nullopt;
}

}  // namespace pega
