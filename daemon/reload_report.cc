// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include "control/control_answer.h"
#include "reload.h"

namespace darkroom {

using nlohmann::json;

json ReloadReport::ToJson() const {
  json changed = json::array();
  for (const ReloadPlan::ModelChange& one : plan.changed) {
    changed.push_back({{"name", one.name}, {"keys", one.keys}, {"remade", one.remade}});
  }
  json wrong = json::array();
  for (const auto& [what, why] : failed) {
    wrong.push_back({{"what", what}, {"error", ErrorJson(why)}});
  }
  return {{"done", done},
          {"settings", plan.settings},
          {"models", {{"added", plan.added}, {"changed", changed}, {"removed", plan.removed}}},
          {"routes",
           {{"added", plan.routes_added},
            {"changed", plan.routes_changed},
            {"removed", plan.routes_removed}}},
          {"needs_restart", plan.needs_restart},
          {"warnings", warnings},
          {"failed", std::move(wrong)}};
}

std::string ReloadReport::Summary() const {
  if (plan.empty()) return "nothing has changed";
  std::string text;
  const auto add = [&text](const char* what, size_t count) {
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, what);
  };
  add("settings switched", plan.settings.size());
  add("models added", plan.added.size());
  add("models changed", plan.changed.size());
  add("models removed", plan.removed.size());
  add("routes added", plan.routes_added.size());
  add("routes changed", plan.routes_changed.size());
  add("routes removed", plan.routes_removed.size());
  add("failed", failed.size());
  return text;
}

}  // namespace darkroom
