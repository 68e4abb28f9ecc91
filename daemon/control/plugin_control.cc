// SPDX-License-Identifier: Apache-2.0

#include "control/plugin_control.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "control/control_answer.h"
#include "core/coroutine.h"
#include "core/json.h"

namespace darkroom {
namespace {

using nlohmann::json;

std::string TextOf(const json& object, const char* name) {
  const auto field = object.find(name);
  return field != object.end() && field->is_string() ? field->get<std::string>() : std::string();
}

json DescribeChange(const PluginChange& change) {
  json answer = {{"plugin", change.plugin},   {"action", change.action},
                 {"version", change.version}, {"generation", change.generation},
                 {"took_ms", change.took_ms}, {"models", change.models},
                 {"notes", change.notes}};
  if (!change.from.empty()) answer["from"] = change.from;
  if (!change.plan.empty()) answer["plan"] = change.plan;
  return answer;
}

json DescribePlace(const Generation::Place& place) {
  const Hosting& hosting = *place.hosting;
  json item = {{"device", place.device->id},
               {"state", HostingStateName(hosting.state())},
               {"crashes", hosting.crashes()}};
  if (hosting.pid() != 0) item["pid"] = hosting.pid();
  if (!hosting.error().ok()) item["error"] = ErrorJson(hosting.error());
  if (hosting.state() == HostingState::kBackingOff) {
    const auto left = hosting.again_at() - Hosting::Clock::now();
    item["again_s"] = std::max(0.0, std::chrono::duration<double>(left).count());
  }
  return item;
}

}  // namespace

PluginControl::PluginControl(boost::asio::io_context& io, const Config& config,
                             PluginManager& plugins, Publisher& publisher, Replier& replier)
    : io_(io), config_(config), plugins_(plugins), publisher_(publisher), replier_(replier) {}

const std::vector<std::string>& PluginControl::Verbs() {
  static const std::vector<std::string> kVerbs = {"plugins", "load",     "upgrade",
                                                  "reload",  "rollback", "unload"};
  return kVerbs;
}

void PluginControl::Answer(const std::string& verb, const Message& message) {
  std::string reply(message.reply());
  if (verb == "plugins") {
    if (reply.empty()) return;
    publisher_.Publish(std::make_unique<ControlAnswer>(std::move(reply), List()));
    return;
  }
  const std::string_view text = AsText(message.data());
  auto body = ParseJson(text.empty() ? "{}" : text, {});
  if (!body.ok() || !body->is_object()) {
    Refuse(std::move(reply),
           Status::InvalidArgument("the body must be an object such as {\"plugin\": \"echo\"}"));
    return;
  }
  const std::string host = TextOf(*body, "host");
  if (!host.empty() && host != config_.host_name) return;  // meant for another daemon
  std::string plugin = TextOf(*body, "plugin");
  std::string file = TextOf(*body, "file");
  if (plugin.empty() && (verb != "load" || file.empty())) {
    Refuse(std::move(reply),
           Status::InvalidArgument("the body names no \"plugin\"",
                                   "send an object such as {\"plugin\": \"echo\"}"));
    return;
  }
  StartCoroutine(io_, Operate(verb, std::move(reply), std::move(plugin), std::move(file)));
}

boost::asio::awaitable<void> PluginControl::Operate(std::string verb, std::string reply,
                                                    std::string plugin, std::string file) {
  Result<PluginChange> change = Status::Internal("no verb");
  if (verb == "load") {
    if (file.empty()) file = plugin;
    change = co_await plugins_.Load(file);
  } else if (verb == "upgrade") {
    change = co_await plugins_.Upgrade(plugin, file);
  } else if (verb == "reload") {
    file.clear();
    change = co_await plugins_.Upgrade(plugin, file);
  } else if (verb == "rollback") {
    change = co_await plugins_.Rollback(plugin);
  } else {
    change = co_await plugins_.Unload(plugin);
  }
  if (reply.empty()) co_return;
  if (!change.ok()) {
    Refuse(std::move(reply), change.status());
    co_return;
  }
  json answer = DescribeChange(*change);
  answer["host"] = config_.host_name;
  publisher_.Publish(std::make_unique<ControlAnswer>(std::move(reply), answer));
}

void PluginControl::Refuse(std::string reply, Status status) {
  auto us = std::make_shared<ModelReceipt>();
  us->host = config_.host_name;
  Receipt receipt;
  receipt.model = std::move(us);
  replier_.Error(std::move(reply), std::move(receipt), std::move(status));
}

json PluginControl::List() const {
  json list = json::array();
  for (const PluginRecord* record : plugins_.Records()) list.push_back(Describe(*record));
  return {{"host", config_.host_name}, {"plugins", std::move(list)}};
}

json PluginControl::Describe(const PluginRecord& record) const {
  const PluginRules& rules = config_.plugins.RulesOf(record.id);
  json item = {{"id", record.id},
               {"isolation", rules.isolation == Isolation::kProcess ? "process" : "in-process"},
               {"upgrades", record.upgrades},
               {"resident", record.resident}};
  uint64_t crashes = record.crashes;
  json models = json::array();
  for (const auto& model : record.models) models.push_back(model->config.name);
  item["models"] = std::move(models);
  if (!rules.worker.empty()) item["worker"] = rules.worker;
  if (!record.error.ok()) item["error"] = ErrorJson(record.error);
  item["state"] = record.error.ok() ? "opening" : record.unloaded ? "unloaded" : "failed";
  if (record.active != nullptr) {
    const Generation& active = *record.active;
    json places = json::array();
    bool resting = false;
    for (const Generation* const one : record.Serving()) {
      for (const auto& place : one->places()) {
        if (place->hosting->state() == HostingState::kAsleep) continue;
        crashes += place->hosting->crashes();
        resting = resting || place->hosting->state() == HostingState::kBackingOff;
        places.push_back(DescribePlace(*place));
      }
    }
    item["state"] = resting ? "backing off" : GenerationStateName(active.state());
    item["version"] = active.file().info.version;
    item["summary"] = active.file().info.summary;
    item["generation"] = active.number();
    item["sha256"] = active.file().sha256;
    item["source"] = active.staged().source;
    item["places"] = std::move(places);
  }
  item["crashes"] = crashes;
  json leaving = json::array();
  for (const auto& one : record.leaving) {
    leaving.push_back({{"generation", one->number()},
                       {"version", one->file().info.version},
                       {"state", GenerationStateName(one->state())}});
  }
  item["leaving"] = std::move(leaving);
  if (record.previous) item["previous"] = {{"sha256", record.previous->sha256}};
  return item;
}

}  // namespace darkroom
