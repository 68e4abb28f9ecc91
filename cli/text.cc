// SPDX-License-Identifier: Apache-2.0

#include "cli/text.h"

#include <fmt/format.h>

#include <cstdint>

namespace darkroom {
namespace {

constexpr char32_t kInvalid = 0xFFFFFFFF;

// Takes one code point from the front of `text`. A byte that begins none is taken alone and gives
// kInvalid.
char32_t Next(std::string_view* text) {
  const auto first = static_cast<unsigned char>(text->front());
  text->remove_prefix(1);
  if (first < 0x80) return first;
  size_t more = 0;
  char32_t point = 0;
  if (first >= 0xC2 && first <= 0xDF) {
    more = 1;
    point = first & 0x1FU;
  } else if (first >= 0xE0 && first <= 0xEF) {
    more = 2;
    point = first & 0x0FU;
  } else if (first >= 0xF0 && first <= 0xF4) {
    more = 3;
    point = first & 0x07U;
  } else {
    return kInvalid;
  }
  if (text->size() < more) return kInvalid;
  for (size_t i = 0; i < more; ++i) {
    const auto byte = static_cast<unsigned char>((*text)[i]);
    if ((byte & 0xC0U) != 0x80) return kInvalid;
    point = (point << 6) | (byte & 0x3FU);
  }
  const bool overlong = (more == 2 && point < 0x800) || (more == 3 && point < 0x10000);
  if (overlong || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return kInvalid;
  text->remove_prefix(more);
  return point;
}

// C0, DEL and C1, and the marks that turn the direction of what follows: all change how the rest is
// shown.
bool IsControl(char32_t point) {
  return point < 0x20 || (point >= 0x7F && point < 0xA0) || (point >= 0x202A && point <= 0x202E) ||
         (point >= 0x2066 && point <= 0x2069);
}

size_t Columns(char32_t point) {
  if ((point >= 0x300 && point <= 0x36F) || (point >= 0x200B && point <= 0x200F) ||
      (point >= 0xFE00 && point <= 0xFE0F)) {
    return 0;
  }
  const bool wide = (point >= 0x1100 && point <= 0x115F) || (point >= 0x2E80 && point <= 0xA4CF) ||
                    (point >= 0xAC00 && point <= 0xD7A3) || (point >= 0xF900 && point <= 0xFAFF) ||
                    (point >= 0xFE30 && point <= 0xFE6F) || (point >= 0xFF00 && point <= 0xFF60) ||
                    (point >= 0x1F300 && point <= 0x1FAFF) ||
                    (point >= 0x20000 && point <= 0x3FFFD);
  return wide ? 2 : 1;
}

std::string Clean(std::string_view text, bool keep_lines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const char* begin = text.data();
    const char32_t point = Next(&text);
    if (point == kInvalid) {
      out += '?';
    } else if (IsControl(point)) {
      out += keep_lines && (point == '\n' || point == '\t') ? static_cast<char>(point) : ' ';
    } else {
      out.append(begin, text.data());
    }
  }
  return out;
}

}  // namespace

std::string Printable(std::string_view text) { return Clean(text, false); }

std::string PrintableLines(std::string_view text) { return Clean(text, true); }

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    if (Next(&text) == kInvalid) return false;
  }
  return true;
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    const char32_t point = Next(&text);
    width += point == kInvalid ? 1 : Columns(point);
  }
  return width;
}

std::string Shorten(std::string_view text, size_t width, bool unicode) {
  if (DisplayWidth(text) <= width) return std::string(text);
  if (width == 0) return {};
  std::string_view rest = text;
  size_t used = 0;
  while (!rest.empty()) {
    std::string_view after = rest;
    const char32_t point = Next(&after);
    const size_t columns = point == kInvalid ? 1 : Columns(point);
    if (used + columns > width - 1) break;
    used += columns;
    rest = after;
  }
  return std::string(text.substr(0, text.size() - rest.size())) + (unicode ? "…" : ".");
}

std::string FormatTime(std::chrono::duration<double, std::milli> time) {
  const double ms = time.count();
  // Each limit is where the shorter form would round up to the next unit.
  if (ms < 9.95) return fmt::format("{:.1f} ms", ms);
  if (ms < 999.5) return fmt::format("{:.0f} ms", ms);
  if (ms < 59'950) return fmt::format("{:.1f} s", ms / 1000);
  const auto seconds = static_cast<uint64_t>(ms / 1000 + 0.5);
  if (seconds < 3600) return fmt::format("{}m {}s", seconds / 60, seconds % 60);
  if (seconds < 86'400) return fmt::format("{}h {}m", seconds / 3600, seconds % 3600 / 60);
  return fmt::format("{}d {}h", seconds / 86'400, seconds % 86'400 / 3600);
}

}  // namespace darkroom
