// SPDX-License-Identifier: Apache-2.0

#include "core/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
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

// Beyond 2^53 a double no longer names single units, and no limit of ours is that large.
constexpr double kMost = 9.0e15;

// What people write for a unit that has another name here.
struct Slip {
  std::string_view written;  // in small letters
  std::string_view meant;
};
constexpr std::array<Slip, 18> kDurationSlips = {{{"msec", "ms"},
                                                  {"millis", "ms"},
                                                  {"sec", "s"},
                                                  {"secs", "s"},
                                                  {"second", "s"},
                                                  {"seconds", "s"},
                                                  {"min", "m"},
                                                  {"mins", "m"},
                                                  {"minute", "m"},
                                                  {"minutes", "m"},
                                                  {"hr", "h"},
                                                  {"hrs", "h"},
                                                  {"hour", "h"},
                                                  {"hours", "h"},
                                                  {"day", "d"},
                                                  {"days", "d"},
                                                  {"ms", "ms"},
                                                  {"s", "s"}}};
constexpr std::array<Slip, 15> kSizeSlips = {{{"k", "KiB"},
                                              {"m", "MiB"},
                                              {"g", "GiB"},
                                              {"t", "TiB"},
                                              {"kib", "KiB"},
                                              {"mib", "MiB"},
                                              {"gib", "GiB"},
                                              {"tib", "TiB"},
                                              {"ki", "KiB"},
                                              {"mi", "MiB"},
                                              {"gi", "GiB"},
                                              {"kb", "KB"},
                                              {"mb", "MB"},
                                              {"gb", "GB"},
                                              {"bytes", "B"}}};

template <size_t N>
const Unit* FindUnit(const std::array<Unit, N>& units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

template <size_t N>
std::string_view Meant(const std::array<Slip, N>& slips, std::string_view name) {
  std::string small;
  for (const char c : name) {
    small += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  for (const Slip& slip : slips) {
    if (slip.written == small) return slip.meant;
  }
  return {};
}

// Takes a number off the text's front, and the blanks behind it.
bool TakeNumber(std::string_view* text, double* number) {
  const char* end = text->data() + text->size();
  const auto [rest, error] = std::from_chars(text->data(), end, *number, std::chars_format::fixed);
  if (error != std::errc() || !(*number >= 0)) return false;
  text->remove_prefix(static_cast<size_t>(rest - text->data()));
  while (!text->empty() && text->front() == ' ') text->remove_prefix(1);
  return true;
}

}  // namespace

Result<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  const std::string quote = Excerpt(text);
  const std::string hint = "write it like 250ms, 30s, 10m or 1h";
  if (text.empty()) return Status::InvalidArgument("'' is not a duration", hint);
  double total = 0;
  uint64_t last = UINT64_MAX;
  while (!text.empty()) {
    double number = 0;
    if (!TakeNumber(&text, &number)) {
      return Status::InvalidArgument(fmt::format("'{}' is not a duration", quote), hint);
    }
    const size_t length = std::min(text.find_first_of("0123456789.+-"), text.size());
    std::string_view name = text.substr(0, length);
    while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
    if (name.empty()) {
      return Status::InvalidArgument(fmt::format("duration '{}' lacks a unit", quote), hint);
    }
    const Unit* const unit = FindUnit(kDurations, name);
    if (unit == nullptr) {
      const std::string_view meant = Meant(kDurationSlips, name);
      return Status::InvalidArgument(
          fmt::format("duration '{}' has the unknown unit '{}'", quote, Excerpt(name)),
          meant.empty() ? hint : fmt::format("did you mean '{:g}{}'?", number, meant));
    }
    // "1h30m" falls; "30m1h" and "1h1h" are more likely slips.
    if (unit->factor >= last) {
      return Status::InvalidArgument(fmt::format("'{}' is not a duration", quote),
                                     "several units go from the largest down, such as 1h30m");
    }
    last = unit->factor;
    total += number * static_cast<double>(unit->factor);
    text.remove_prefix(length);
  }
  if (total > kMost) {
    return Status::InvalidArgument(fmt::format("duration '{}' is too large", quote));
  }
  return std::chrono::milliseconds(static_cast<int64_t>(total));
}

Result<uint64_t> ParseSize(std::string_view text) {
  const std::string quote = Excerpt(text);
  const std::string hint = "write it like 4096, 64KiB, 8MiB or 2GiB";
  double number = 0;
  if (!TakeNumber(&text, &number)) {
    return Status::InvalidArgument(fmt::format("'{}' is not a size", quote), hint);
  }
  const Unit* const unit = FindUnit(kSizes, text);
  if (unit == nullptr) {
    const std::string_view meant = Meant(kSizeSlips, text);
    return Status::InvalidArgument(
        fmt::format("size '{}' has the unknown unit '{}'", quote, Excerpt(text)),
        meant.empty() ? hint : fmt::format("did you mean '{:g}{}'?", number, meant));
  }
  const double scaled = number * static_cast<double>(unit->factor);
  if (scaled > kMost) return Status::InvalidArgument(fmt::format("size '{}' is too large", quote));
  return static_cast<uint64_t>(scaled);
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
