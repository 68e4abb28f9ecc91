// SPDX-License-Identifier: Apache-2.0

#include "config/to_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <string_view>

#include "core/redact.h"

namespace darkroom {
namespace {

using Json = nlohmann::ordered_json;

struct Unit {
  std::string_view name;
  uint64_t factor;
};

// In the largest unit that it is a whole number of.
template <size_t N>
std::string Written(uint64_t value, const std::array<Unit, N>& units) {
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.factor == 0) {
      return fmt::format("{}{}", value / unit.factor, unit.name);
    }
  }
  return fmt::format("{}{}", value, units.back().name);
}

std::string Time(std::chrono::milliseconds time) {
  constexpr std::array<Unit, 5> kUnits = {
      {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
  return Written(static_cast<uint64_t>(time.count()), kUnits);
}

Json Size(uint64_t bytes) {
  constexpr std::array<Unit, 4> kUnits = {
      {{"TiB", 1ULL << 40}, {"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}}};
  if (bytes == 0 || bytes % kUnits.back().factor != 0) return bytes;
  return Written(bytes, kUnits);
}

Json OrNull(bool given, Json value) { return given ? std::move(value) : Json(nullptr); }
Json TextOrNull(const std::string& text) { return OrNull(!text.empty(), text); }
Json SizeOrNull(uint64_t bytes) { return OrNull(bytes > 0, Size(bytes)); }

bool SoundsSecret(std::string_view key) {
  std::string small;
  for (const char c : key) {
    small += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  constexpr std::array<std::string_view, 7> kWords = {"password", "passwd",     "secret", "token",
                                                      "api_key",  "credential", "apikey"};
  return std::any_of(kWords.begin(), kWords.end(), [&small](std::string_view word) {
    // "max_new_tokens" is a number of words.
    const size_t at = small.rfind(word);
    return at != std::string::npos && (word != "token" || at + word.size() == small.size());
  });
}

Json HideSecrets(const nlohmann::json& value) {
  if (value.is_array()) {
    Json list = Json::array();
    for (const auto& item : value) list.push_back(HideSecrets(item));
    return list;
  }
  if (!value.is_object()) return Json(value);
  Json object = Json::object();
  for (const auto& [key, item] : value.items()) {
    const bool hide = item.is_string() && SoundsSecret(key);
    object[key] = hide ? Json("***") : HideSecrets(item);
  }
  return object;
}

// Of one plugin null would be what all have.
Json RulesJson(const PluginRules& rules, bool of_one) {
  return {{"isolation", rules.isolation == Isolation::kProcess ? "process" : "in-process"},
          {"worker", of_one ? Json(rules.worker) : TextOrNull(rules.worker)},
          {"memory", of_one ? Size(rules.memory) : SizeOrNull(rules.memory)},
          {"files", rules.files}};
}

// Files that hold secrets; what is in them is nobody's to show. Null: not given.
void AddLogin(const NatsLogin& login, Json* json) {
  (*json)["creds"] = TextOrNull(login.creds.path);
  (*json)["nkey"] = TextOrNull(login.nkey.path);
  (*json)["token_file"] = TextOrNull(login.token.path);
  (*json)["user"] = TextOrNull(login.user);
  (*json)["password_file"] = TextOrNull(login.password.path);
  if (!login.tls)
    return;  // by a URL tls:// it is asked for, too, and an empty section says the same
  (*json)["tls"] = {{"ca", TextOrNull(login.ca.path)},
                    {"cert", TextOrNull(login.certificate.path)},
                    {"key", TextOrNull(login.key.path)}};
}

Json NatsJson(const NatsConfig& nats) {
  Json urls = Json::array();
  for (const std::string& url : nats.urls) urls.push_back(WithoutSecrets(url));
  Json json = Json::object();
  // The two exclude each other.
  if (!nats.embedded) json["url"] = urls.size() == 1 ? urls[0] : urls;
  json["embedded"] = nats.embedded;
  json["server"] = nats.server;
  json["port"] = nats.port;
  json["max_payload"] = Size(nats.max_payload);
  AddLogin(nats.login, &json);
  json["prefix"] = nats.prefix;
  json["queue_group"] = nats.queue_group;
  return json;
}

Json LimitsJson(const LimitsConfig& limits) {
  return {{"input_bytes", Size(limits.input_bytes)},
          {"pixels", limits.pixels},
          {"queued_bytes", Size(limits.queued_bytes)},
          {"queued", limits.queued},
          {"stop_grace", Time(limits.stop_grace)},
          {"silence", Time(limits.silence)},
          {"open", Time(limits.open)},
          {"load", Time(limits.load)}};
}

Json JobsJson(const JobsConfig& jobs) {
  return {{"enabled", jobs.enabled},
          {"manage_streams", jobs.manage_streams},
          {"storage", jobs.storage},
          {"replicas", jobs.replicas},
          {"max_waiting", jobs.max_waiting},
          {"max_waiting_bytes", Size(jobs.max_waiting_bytes)},
          {"keep", Time(jobs.keep)},
          {"keep_states", Time(jobs.keep_states)},
          {"keep_dead", Time(jobs.keep_dead)},
          {"keep_requests", jobs.keep_requests},
          {"inline_bytes", Size(jobs.inline_bytes)},
          {"ack_wait", Time(jobs.ack_wait)},
          {"max_attempts", jobs.max_attempts},
          {"save_every", Time(jobs.save_every)}};
}

Json PluginsJson(const PluginsConfig& plugins) {
  Json json = {{"folder", TextOrNull(plugins.folder.string())},
               {"watch", plugins.watch},
               {"serve", plugins.serve_all ? "all" : "configured"},
               {"digests", plugins.digests},
               {"shadow", plugins.shadow}};
  json.update(RulesJson(plugins.rules, false));
  json["each"] = Json::object();
  for (const auto& [id, rules] : plugins.each) json["each"][id] = RulesJson(rules, true);
  return json;
}

std::string TenantText(const TenantRule& rule) {
  switch (rule.by) {
    case TenantRule::By::kHeader:
      return "header:" + rule.header;
    case TenantRule::By::kSubject:
      return fmt::format("subject:{}", rule.token);
    case TenantRule::By::kAccount:
      return "account";
    case TenantRule::By::kNone:
      break;
  }
  return "none";
}

Json SchedulingJson(const SchedulingConfig& scheduling) {
  Json weights = Json::object();
  for (const auto& [tenant, weight] : scheduling.weights) weights[tenant] = std::lround(weight);
  return {{"floor_percent", std::lround(scheduling.floor * 100)},
          {"patience", Time(scheduling.patience)},
          {"tenant", TenantText(scheduling.tenant)},
          {"weights", std::move(weights)}};
}

Json TracingJson(const TracingConfig& tracing) {
  return {{"endpoint", TextOrNull(tracing.endpoint)},
          {"ratio", tracing.ratio},
          {"headers_file", TextOrNull(tracing.headers_file)},
          {"queue", tracing.queue},
          {"timeout", Time(tracing.timeout)}};
}

Json DevicesJson(const std::vector<DeviceConfig>& devices) {
  if (devices.empty()) return "auto";
  Json list = Json::array();
  for (const DeviceConfig& device : devices) {
    Json item = {{"device", device.device}, {"lanes", device.lanes}};
    item["memory"] = device.memory_percent > 0 ? Json(fmt::format("{}%", device.memory_percent))
                                               : SizeOrNull(device.memory);
    if (device.device.starts_with("sim:")) item["speed"] = device.speed;
    list.push_back(std::move(item));
  }
  return list;
}

Json ModelJson(const ModelConfig& model) {
  const bool always = model.keep_alive == ModelConfig::kAlways;
  return {{"plugin", model.plugin},
          {"weights", TextOrNull(model.weights)},
          {"options", HideSecrets(model.options)},
          {"params", HideSecrets(model.params)},
          {"preload", model.preload},
          {"queue", model.queue},
          {"queue_bytes", SizeOrNull(model.queue_bytes)},
          {"max_concurrency", model.max_concurrency},
          {"max_delay", Time(model.max_delay)},
          {"keep_alive", always ? "always" : Time(model.keep_alive)},
          {"memory", SizeOrNull(model.memory)},
          {"deadline", Time(model.deadline)},
          {"max_batch", OrNull(model.max_batch.has_value(), model.max_batch.value_or(0))},
          {"instances", OrNull(model.instances > 0, model.instances)},
          {"devices", OrNull(!model.devices.empty(), model.devices)}};
}

Json RoutesJson(const std::vector<RouteConfig>& routes) {
  Json list = Json::array();
  for (const RouteConfig& route : routes) {
    list.push_back({{"subject", route.subject},
                    {"model", route.model},
                    {"params", HideSecrets(route.params)},
                    {"queue_group", route.queue_group}});
  }
  return list;
}

}  // namespace

Json ConfigToJson(const Config& config, const std::map<std::string, std::string>& references) {
  constexpr std::array<const char*, 3> kFormats = {"auto", "text", "json"};
  Json models = Json::object();
  for (const ModelConfig& model : config.models) models[model.name] = ModelJson(model);
  Json json = {{"host_name", config.host_name},
               {"state_dir", config.state_dir.string()},
               {"host_library", TextOrNull(config.host_library.string())},
               {"worker_program", TextOrNull(config.worker_program.string())},
               {"torch_dir", TextOrNull(config.torch_dir.string())},
               {"drain_timeout", Time(config.drain_timeout)},
               {"log",
                {{"level", config.log_level},
                 {"format", kFormats.at(static_cast<size_t>(config.log_format))}}},
               {"nats", NatsJson(config.nats)},
               {"limits", LimitsJson(config.limits)},
               {"jobs", JobsJson(config.jobs)},
               {"plugins", PluginsJson(config.plugins)},
               {"scheduling", SchedulingJson(config.scheduling)},
               {"health",
                {{"probe_interval", Time(config.health.probe_interval)},
                 {"probe_timeout", Time(config.health.probe_timeout)},
                 {"give_up", Time(config.health.give_up)}}},
               {"http", {{"listen", config.http.listen}}},
               {"tracing", TracingJson(config.tracing)},
               {"devices", DevicesJson(config.devices)},
               {"models", std::move(models)},
               {"routes", RoutesJson(config.routes)}};
  for (const auto& [at, written] : references) {
    const Json::json_pointer pointer(at);
    if (json.contains(pointer)) json[pointer] = written;
  }
  return json;
}

}  // namespace darkroom
