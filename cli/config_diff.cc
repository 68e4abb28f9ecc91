// SPDX-License-Identifier: Apache-2.0

#include "cli/config_diff.h"

#include <fmt/format.h>

#include <utility>

#include "cli/text.h"

namespace darkroom {
namespace {

using nlohmann::json;

std::string Value(const json& value) {
  if (value.is_string()) return Printable(value.get<std::string>());
  return Printable(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

std::string ConfigDiffText(const std::vector<ConfigChange>& changes) {
  std::string text;
  for (const ConfigChange& change : changes) {
    const std::string key = Printable(change.key);
    if (change.from.is_discarded()) {
      text += fmt::format("+ {}: {}\n", key, Value(change.to));
    } else if (change.to.is_discarded()) {
      text += fmt::format("- {}: {}\n", key, Value(change.from));
    } else {
      text += fmt::format("~ {}: {} -> {}\n", key, Value(change.from), Value(change.to));
    }
  }
  return text;
}

json ConfigDiffJson(const std::vector<ConfigChange>& changes) {
  json list = json::array();
  for (const ConfigChange& change : changes) {
    json item = {{"key", change.key}};
    if (!change.from.is_discarded()) item["from"] = change.from;
    if (!change.to.is_discarded()) item["to"] = change.to;
    list.push_back(std::move(item));
  }
  return list;
}

}  // namespace darkroom
