// SPDX-License-Identifier: Apache-2.0

#include "cli/ago.h"

#include <fmt/format.h>

#include <ctime>

namespace darkroom {

std::optional<WallTime> ParseTimestamp(const std::string& text) {
  std::tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  int ms = 0;
  if (*rest == '.') {
    int digits = 0;
    for (++rest; *rest >= '0' && *rest <= '9'; ++rest, ++digits) {
      if (digits < 3) ms = ms * 10 + (*rest - '0');
    }
    for (; digits < 3; ++digits) ms *= 10;
  }
  if (std::string_view(rest) != "Z") return std::nullopt;
  return std::chrono::system_clock::from_time_t(timegm(&parts)) + std::chrono::milliseconds(ms);
}

std::string Ago(WallTime time, WallTime now) {
  const int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(now - time).count();
  if (seconds < 1) return "now";
  if (seconds < 60) return fmt::format("{} s ago", seconds);
  if (seconds < 3600) return fmt::format("{} min ago", seconds / 60);
  if (seconds < 48 * 3600) return fmt::format("{} h ago", seconds / 3600);
  return fmt::format("{} d ago", seconds / 86'400);
}

std::string Ago(const std::string& timestamp, WallTime now) {
  const std::optional<WallTime> time = ParseTimestamp(timestamp);
  return time ? Ago(*time, now) : std::string();
}

}  // namespace darkroom
