// SPDX-License-Identifier: Apache-2.0

#include "config/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace darkroom {
namespace {

using nlohmann::json;

const json kAbsent(json::value_t::discarded);

class Differ {
 public:
  std::vector<ConfigChange> changes;

  void Compare(const std::string& key, const json& from, const json& to) {
    if (from.is_object() && to.is_object()) return CompareMaps(key, from, to);
    // A list of maps is compared one by one; any other is one value.
    if (IsListOfMaps(from) && IsListOfMaps(to)) return CompareLists(key, from, to);
    if (from != to) changes.push_back({key, from, to});
  }

 private:
  static bool IsListOfMaps(const json& value) {
    return value.is_array() && !value.empty() &&
           std::all_of(value.begin(), value.end(), [](const json& one) { return one.is_object(); });
  }

  void CompareMaps(const std::string& key, const json& from, const json& to) {
    const auto name = [&key](const std::string& part) {
      return key.empty() ? part : key + "." + part;
    };
    for (const auto& [part, value] : from.items()) {
      const auto other = to.find(part);
      if (other == to.end()) {
        changes.push_back({name(part), value, kAbsent});
      } else {
        Compare(name(part), value, *other);
      }
    }
    for (const auto& [part, value] : to.items()) {
      if (!from.contains(part)) changes.push_back({name(part), kAbsent, value});
    }
  }

  void CompareLists(const std::string& key, const json& from, const json& to) {
    for (size_t i = 0; i < std::max(from.size(), to.size()); ++i) {
      const std::string name = fmt::format("{}[{}]", key, i);
      if (i >= to.size()) {
        changes.push_back({name, from[i], kAbsent});
      } else if (i >= from.size()) {
        changes.push_back({name, kAbsent, to[i]});
      } else {
        Compare(name, from[i], to[i]);
      }
    }
  }
};

}  // namespace

std::vector<ConfigChange> DiffConfigs(const json& from, const json& to) {
  Differ differ;
  differ.Compare("", from, to);
  return std::move(differ.changes);
}

}  // namespace darkroom
