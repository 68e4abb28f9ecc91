// SPDX-License-Identifier: Apache-2.0

#include "endpoint_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

#include "model_setup.h"

namespace darkroom {
namespace {

// The error with the place of the parameter that it names, if it is one of these, else of all.
ConfigIssue WhereParamsAre(const LoadedConfig& loaded, const std::string& of,
                           const Status& status) {
  const auto found = loaded.places.find(of);
  ConfigIssue issue = found == loaded.places.end() ? ConfigIssue{} : found->second;
  const std::string prefix = of + ".params.";
  for (auto one = loaded.places.lower_bound(prefix);
       one != loaded.places.end() && one->first.starts_with(prefix); ++one) {
    const std::string key = one->first.substr(prefix.size());
    for (const char quote : {'"', '\''}) {
      const std::string quoted = fmt::format("{0}{1}{0}", quote, key);
      if (status.message().find(quoted) != std::string::npos) issue = one->second;
    }
  }
  issue.message = status.ToString();
  return issue;
}

}  // namespace

std::vector<ConfigIssue> CheckEndpoints(const LoadedConfig& loaded, const Config& config,
                                        const std::vector<std::shared_ptr<Model>>& models) {
  std::vector<ConfigIssue> issues;
  std::set<std::string> wrong;
  Config one = config;
  one.routes.clear();
  for (const auto& model : models) {
    const Status status = SetUpEndpoints(one, {model}).status();
    if (status.ok()) continue;
    wrong.insert(model->config.name);
    issues.push_back(WhereParamsAre(loaded, "models." + model->config.name, status));
  }
  for (size_t i = 0; i < config.routes.size(); ++i) {
    one.routes = {config.routes[i]};
    const std::string& name = one.routes.front().model;
    // What is wrong with a model is not said again of each route to it.
    if (wrong.contains(name)) continue;
    const auto model = std::find_if(models.begin(), models.end(), [&](const auto& candidate) {
      return candidate->config.name == name;
    });
    const Status status = SetUpEndpoints(one, {*model}).status();
    if (!status.ok()) issues.push_back(WhereParamsAre(loaded, fmt::format("routes.{}", i), status));
  }
  return issues;
}

}  // namespace darkroom
