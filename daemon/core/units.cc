// SPDX-License-Identifier: Apache-2.0

#include "core/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "core/excerpt.h"

namespace darkroom {
namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr std::array<Unit, 5> kDurations = {
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};

constexpr std::array<Unit, 9> kSizes = {{{"", 1},
                                         {"B", 1},
                                         {"KiB", 1ULL << 10},
                                         {"MiB", 1ULL << 20},
                                         {"GiB", 1ULL << 30},
                                         {"TiB", 1ULL << 40},
                                         {"KB", 1'000},
                                         {"MB", 1'000'000},
                                         {"GB", 1'000'000'000}}};

template <size_t N>
Result<uint64_t> ParseScaled(std::string_view text, const std::array<Unit, N>& units,
                             std::string_view what, std::string_view example) {
  const std::string hint = fmt::format("write it like {}", example);
  const std::string quote = Excerpt(text);
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (error != std::errc() || number < 0) {
    return Status::InvalidArgument(fmt::format("'{}' is not a {}", quote, what), hint);
  }
  std::string_view name{rest, static_cast<size_t>(end - rest)};
  while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    const double scaled = number * static_cast<double>(unit.factor);
    // Beyond 2^53 a double no longer names single units, and no limit of ours is that large.
    if (scaled > 9.0e15) {
      return Status::InvalidArgument(fmt::format("{} '{}' is too large", what, quote));
    }
    return static_cast<uint64_t>(scaled);
  }
  return Status::InvalidArgument(
      name.empty() ? fmt::format("{} '{}' lacks a unit", what, quote)
                   : fmt::format("{} '{}' has the unknown unit '{}'", what, quote, Excerpt(name)),
      hint);
}

}  // namespace

Result<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  const Result<uint64_t> ms = ParseScaled(text, kDurations, "duration", "250ms, 30s, 10m or 1h");
  if (!ms.ok()) return ms.status();
  return std::chrono::milliseconds(static_cast<int64_t>(*ms));
}

Result<uint64_t> ParseSize(std::string_view text) {
  return ParseScaled(text, kSizes, "size", "4096, 64KiB, 8MiB or 2GiB");
}

std::string FormatDuration(std::chrono::milliseconds duration) {
  if (duration < std::chrono::seconds(1)) return fmt::format("{} ms", duration.count());
  return fmt::format("{:g} s", std::chrono::duration<double>(duration).count());
}

std::string FormatSize(uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kNames = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kNames.size()) {
    value /= 1024;
    ++unit;
  }
  // Whole numbers stand alone, others keep one digit.
  const bool whole = value == static_cast<double>(static_cast<uint64_t>(value));
  return whole ? fmt::format("{} {}", static_cast<uint64_t>(value), kNames[unit])
               : fmt::format("{:.1f} {}", value, kNames[unit]);
}

}  // namespace darkroom
