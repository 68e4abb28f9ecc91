// SPDX-License-Identifier: Apache-2.0

#include "cli/finding.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/text.h"

namespace darkroom {
namespace {

std::string_view Name(Finding::State state) {
  switch (state) {
    case Finding::State::kOk:
      return "ok";
    case Finding::State::kWarning:
      return "warning";
    case Finding::State::kFailed:
      return "failed";
    case Finding::State::kSkipped:
      break;
  }
  return "skipped";
}

std::string_view Color(Finding::State state) {
  switch (state) {
    case Finding::State::kOk:
      return "\x1b[32m";
    case Finding::State::kWarning:
      return "\x1b[33m";
    case Finding::State::kFailed:
      return "\x1b[31m";
    case Finding::State::kSkipped:
      break;
  }
  return "\x1b[2m";
}

}  // namespace

bool AnyFailed(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& one) { return one.state == Finding::State::kFailed; });
}

std::string FindingsText(const std::vector<Finding>& findings, bool color) {
  std::string text;
  for (const Finding& one : findings) {
    std::string state = fmt::format("{:<7}", Name(one.state));
    if (color) state = fmt::format("{}{}\x1b[0m", Color(one.state), state);
    text += fmt::format("{}  {:<13}  {}\n", state, one.name, Printable(one.words));
    if (!one.hint.empty())
      text += fmt::format("{:<7}  {:<13}  -> {}\n", "", "", Printable(one.hint));
  }
  return text;
}

nlohmann::json FindingsJson(const std::vector<Finding>& findings) {
  auto list = nlohmann::json::array();
  for (const Finding& one : findings) {
    list.push_back({{"name", one.name},
                    {"state", Name(one.state)},
                    {"message", one.words},
                    {"hint", one.hint}});
  }
  return list;
}

}  // namespace darkroom
