// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <fstream>
#include <regex>

#include "config/load.h"

namespace darkroom {
namespace {

constexpr size_t kWidest = 160;

std::string LineOf(const ConfigIssue& issue) {
  std::ifstream stream(issue.file);
  std::string line;
  for (int number = 1; std::getline(stream, line); ++number) {
    if (number == issue.line) return line;
  }
  return {};
}

// Users of URLs, and values of keys that sound like secrets.
std::string WithoutSecretsInIt(const std::string& line) {
  static const std::regex kUser("(://)[^@/\\s'\"]+@");
  static const std::regex kValue(
      "((password|passwd|token|secret|seed|nkey|api_key)['\"]?\\s*:\\s*)[^\\s,}\\]#]+",
      std::regex::icase);
  return std::regex_replace(std::regex_replace(line, kUser, "$1***@"), kValue, "$1***");
}

}  // namespace

std::string ConfigIssue::ToString() const {
  if (line == 0) return fmt::format("{}: {}", file.string(), message);
  return fmt::format("{}:{}:{}: {}", file.string(), line, column, message);
}

std::string ShowIssue(const ConfigIssue& issue) {
  std::string text = issue.ToString() + "\n";
  const std::string line = issue.line > 0 ? LineOf(issue) : "";
  if (line.empty() || line.size() > kWidest) return text;
  const std::string shown = WithoutSecretsInIt(line);
  text += fmt::format("{:>6} | {}\n", issue.line, shown);
  const auto column = static_cast<size_t>(issue.column);
  if (shown != line || column == 0 || column > line.size() + 1) return text;
  std::string below;
  for (size_t i = 0; i + 1 < column; ++i) {
    const auto c = static_cast<unsigned char>(line[i]);
    if ((c & 0xC0U) == 0x80U) continue;  // the rest of a character
    below += c == '\t' ? '\t' : ' ';
  }
  return text + fmt::format("       | {}^\n", below);
}

}  // namespace darkroom
