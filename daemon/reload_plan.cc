// SPDX-License-Identifier: Apache-2.0

#include "reload_plan.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "config/diff.h"
#include "config/to_json.h"

namespace darkroom {
namespace {

// What the configuration's keys do when they change; a section's name means all of it.
constexpr std::array<std::string_view, 4> kSwitched = {"drain_timeout", "log.level", "limits",
                                                       "scheduling"};
// Of these, what a plugin's worker is started with.
constexpr std::array<std::string_view, 6> kOfWorkers = {"limits.input_bytes",  "limits.pixels",
                                                        "limits.queued_bytes", "limits.silence",
                                                        "limits.open",         "limits.load"};

bool IsIn(std::string_view key, std::string_view section) {
  return key.starts_with(section) &&
         (key.size() == section.size() || key[section.size()] == '.' || key[section.size()] == '[');
}

template <size_t N>
bool IsAnyOf(std::string_view key, const std::array<std::string_view, N>& sections) {
  return std::any_of(sections.begin(), sections.end(),
                     [key](std::string_view section) { return IsIn(key, section); });
}

// Whether every plugin has processes of its own: what is shared, or is the daemon, was started once
// for all of them.
bool AllAlone(const PluginsConfig& plugins) {
  const auto alone = [](const PluginRules& rules) {
    return rules.isolation == Isolation::kProcess && rules.worker.empty();
  };
  return alone(plugins.rules) && std::all_of(plugins.each.begin(), plugins.each.end(),
                                             [&](const auto& one) { return alone(one.second); });
}

void TakeSettings(const Config& wanted, bool with_workers, Config* config) {
  const LimitsConfig was = config->limits;
  config->drain_timeout = wanted.drain_timeout;
  config->log_level = wanted.log_level;
  config->limits = wanted.limits;
  config->scheduling = wanted.scheduling;
  if (with_workers) return;
  config->limits.input_bytes = was.input_bytes;
  config->limits.pixels = was.pixels;
  config->limits.queued_bytes = was.queued_bytes;
  config->limits.silence = was.silence;
  config->limits.open = was.open;
  config->limits.load = was.load;
}

// The model's keys that differ; `remade`: whether one of them makes another instance of it.
ReloadPlan::ModelChange Compare(const ModelConfig& now, const ModelConfig& wanted) {
  ReloadPlan::ModelChange change;
  change.name = now.name;
  const auto differs = [&change](const char* key, bool differs_in_it, bool remakes) {
    if (!differs_in_it) return;
    change.keys.emplace_back(key);
    change.remade = change.remade || remakes;
  };
  differs("plugin", now.plugin != wanted.plugin, true);
  differs("weights", now.weights != wanted.weights, true);
  differs("options", now.options != wanted.options, true);
  differs("params", now.params != wanted.params, false);
  differs("preload", now.preload != wanted.preload, false);
  differs("queue", now.queue != wanted.queue, false);
  differs("queue_bytes", now.queue_bytes != wanted.queue_bytes, false);
  differs("max_concurrency", now.max_concurrency != wanted.max_concurrency, false);
  differs("max_delay", now.max_delay != wanted.max_delay, false);
  differs("keep_alive", now.keep_alive != wanted.keep_alive, false);
  differs("memory", now.memory != wanted.memory, true);
  differs("deadline", now.deadline != wanted.deadline, false);
  differs("max_batch", now.max_batch != wanted.max_batch, true);
  differs("instances", now.instances != wanted.instances, true);
  differs("devices", now.devices != wanted.devices, true);
  return change;
}

template <typename List, typename Key>
auto Find(const List& list, const Key& key, const std::string& name) {
  return std::find_if(list.begin(), list.end(), [&](const auto& one) { return one.*key == name; });
}

void PlanModels(const Config& now, ReloadPlan* plan) {
  const auto name = &ModelConfig::name;
  for (const ModelConfig& one : plan->config.models) {
    const auto old = Find(now.models, name, one.name);
    if (old == now.models.end()) {
      plan->added.push_back(one.name);
    } else if (auto change = Compare(*old, one); !change.keys.empty()) {
      plan->changed.push_back(std::move(change));
    }
  }
  for (const ModelConfig& old : now.models) {
    const auto& models = plan->config.models;
    if (Find(models, name, old.name) == models.end()) plan->removed.push_back(old.name);
  }
}

void PlanRoutes(const Config& now, ReloadPlan* plan) {
  const auto subject = &RouteConfig::subject;
  for (const RouteConfig& one : plan->config.routes) {
    const auto old = Find(now.routes, subject, one.subject);
    if (old == now.routes.end()) {
      plan->routes_added.push_back(one.subject);
    } else if (old->model != one.model || old->params != one.params ||
               old->queue_group != one.queue_group) {
      plan->routes_changed.push_back(one.subject);
    }
  }
  for (const RouteConfig& old : now.routes) {
    const auto& routes = plan->config.routes;
    if (Find(routes, subject, old.subject) == routes.end()) {
      plan->routes_removed.push_back(old.subject);
    }
  }
}

}  // namespace

bool ReloadPlan::empty() const {
  return settings.empty() && added.empty() && changed.empty() && removed.empty() &&
         !touches_routes();
}

bool ReloadPlan::touches_routes() const {
  return !routes_added.empty() || !routes_changed.empty() || !routes_removed.empty();
}

ReloadPlan PlanReload(const Config& now, const Config& wanted) {
  ReloadPlan plan;
  plan.config = now;
  const bool alone = AllAlone(now.plugins);
  TakeSettings(wanted, alone, &plan.config);
  plan.config.models = wanted.models;
  plan.config.routes = wanted.routes;
  for (RouteConfig& route : plan.config.routes) {
    // That of all routes that name none, which only a restart changes.
    if (route.queue_group == wanted.nats.queue_group) route.queue_group = now.nats.queue_group;
  }
  for (const ConfigChange& change : DiffConfigs(ConfigToJson(now, {}), ConfigToJson(wanted, {}))) {
    if (IsIn(change.key, "models") || IsIn(change.key, "routes")) continue;
    const bool of_workers = IsAnyOf(change.key, kOfWorkers);
    if (!IsAnyOf(change.key, kSwitched) || (of_workers && !alone)) {
      plan.needs_restart.push_back(change.key);
      continue;
    }
    plan.settings.push_back(change.key);
    plan.renews_plugins = plan.renews_plugins || of_workers;
  }
  // Users and passwords of URLs are not shown, and so do not differ there.
  const bool shown = std::any_of(plan.needs_restart.begin(), plan.needs_restart.end(),
                                 [](const std::string& key) { return IsIn(key, "nats.url"); });
  if (!shown && now.nats.urls != wanted.nats.urls) plan.needs_restart.emplace_back("nats.url");
  PlanModels(now, &plan);
  PlanRoutes(now, &plan);
  return plan;
}

}  // namespace darkroom
