// SPDX-License-Identifier: Apache-2.0

#include "cli/plugin_list.h"

#include <fmt/format.h>

#include <chrono>

#include "cli/gather.h"
#include "cli/table.h"
#include "cli/text.h"
#include "core/suggest.h"

namespace darkroom {
namespace {

using nlohmann::json;

std::string Number(const json& object, const char* name) {
  const auto field = object.is_object() ? object.find(name) : object.end();
  const bool is_there = field != object.end() && field->is_number();
  return is_there ? std::to_string(CountField(object, name)) : std::string();
}

std::string Models(const json& plugin) {
  std::string text;
  for (const json& model : PartField(plugin, "models")) {
    if (!model.is_string()) continue;
    text += (text.empty() ? "" : ", ") + model.get<std::string>();
  }
  return text;
}

// "process", "in-process", or "process NAME" for a worker that plugins share.
std::string Isolation(const json& plugin) {
  const std::string worker = TextField(plugin, "worker");
  const std::string isolation = TextField(plugin, "isolation");
  return worker.empty() ? isolation : fmt::format("{} {}", isolation, worker);
}

// A plugin that serves may have an error, too: of the change that was tried last.
std::string ErrorWords(const json& plugin) {
  const json& error = PartField(plugin, "error");
  if (!error.is_object()) return {};
  const std::string words = TextField(error, "message");
  return TextField(plugin, "version").empty() ? words : "the last change failed: " + words;
}

std::string Errors(const std::vector<json>& hosts) {
  std::string text;
  for (const json& host : hosts) {
    for (const json& plugin : PartField(host, "plugins")) {
      const std::string words = ErrorWords(plugin);
      if (words.empty()) continue;
      const std::string where = hosts.size() > 1 ? TextField(host, "host") + ": " : std::string();
      const std::string line = fmt::format("{}{}: {}", where, TextField(plugin, "id"), words);
      text += "\n" + Printable(line) + "\n";
      const std::string hint = TextField(PartField(plugin, "error"), "hint");
      if (!hint.empty()) text += "  " + Printable(hint) + "\n";
    }
  }
  return text;
}

std::string AgainIn(const json& place) {
  const auto left = place.find("again_s");
  if (left == place.end() || !left->is_number()) return {};
  return "again in " + FormatTime(std::chrono::duration<double>(left->get<double>()));
}

std::string Places(const json& plugin, const Terminal& terminal) {
  const json& places = PartField(plugin, "places");
  if (places.empty()) return {};
  Table table({{"DEVICE"},
               {"STATE"},
               {"PID", Align::kRight},
               {"CRASHES", Align::kRight},
               {"NEXT"},
               {"LAST ERROR"}});
  for (const json& place : places) {
    if (!place.is_object()) continue;
    table.Add({TextField(place, "device"), TextField(place, "state"), Number(place, "pid"),
               Number(place, "crashes"), AgainIn(place),
               TextField(PartField(place, "error"), "message")});
  }
  return "\nplaces\n" + table.Render(terminal, 2);
}

std::string Leaving(const json& plugin, const Terminal& terminal) {
  const json& leaving = PartField(plugin, "leaving");
  if (leaving.empty()) return {};
  Table table({{"GEN", Align::kRight}, {"VERSION"}, {"STATE"}});
  for (const json& one : leaving) {
    table.Add({Number(one, "generation"), TextField(one, "version"), TextField(one, "state")});
  }
  return "\nleaving\n" + table.Render(terminal, 2);
}

std::string Describe(const json& plugin, const std::string& host, const Terminal& terminal) {
  const std::string version = TextField(plugin, "version");
  const std::string summary = TextField(plugin, "summary");
  std::string text = Printable(TextField(plugin, "id") + (version.empty() ? "" : " " + version) +
                               (summary.empty() ? "" : ": " + summary)) +
                     "\n";
  const auto line = [&text](std::string_view name, const std::string& value) {
    if (!value.empty()) text += fmt::format("  {:<10}  {}\n", name, Printable(value));
  };
  line("host", host);
  line("state", TextField(plugin, "state"));
  line("why", ErrorWords(plugin));
  line("do", TextField(PartField(plugin, "error"), "hint"));
  line("models", Models(plugin));
  line("generation", Number(plugin, "generation"));
  line("source", TextField(plugin, "source"));
  line("sha256", TextField(plugin, "sha256"));
  line("isolation", Isolation(plugin));
  line("upgrades", Number(plugin, "upgrades"));
  line("crashes", Number(plugin, "crashes"));
  if (const uint64_t resident = CountField(plugin, "resident"); resident > 0) {
    line("resident", fmt::format("{} closed and still mapped in the daemon", resident));
  }
  const std::string previous = TextField(PartField(plugin, "previous"), "sha256");
  if (!previous.empty()) {
    line("previous", fmt::format("sha256 {}, to go back to by `darkroom plugins rollback {}`",
                                 previous, TextField(plugin, "id")));
  }
  return text + Places(plugin, terminal) + Leaving(plugin, terminal);
}

}  // namespace

std::string PluginTable(const std::vector<json>& hosts, const Terminal& terminal) {
  const bool several = hosts.size() > 1;
  std::vector<Table::Column> columns = {{"PLUGIN"},
                                        {"VERSION"},
                                        {"STATE"},
                                        {"GEN", Align::kRight},
                                        {"MODELS"},
                                        {"UPGRADES", Align::kRight},
                                        {"CRASHES", Align::kRight},
                                        {"ISOLATION"}};
  if (several) columns.insert(columns.begin(), {"HOST", Align::kLeft});
  Table table(std::move(columns));
  for (const json& host : hosts) {
    for (const json& plugin : PartField(host, "plugins")) {
      std::vector<std::string> cells = {TextField(plugin, "id"),
                                        TextField(plugin, "version"),
                                        TextField(plugin, "state"),
                                        Number(plugin, "generation"),
                                        Models(plugin),
                                        Number(plugin, "upgrades"),
                                        Number(plugin, "crashes"),
                                        Isolation(plugin)};
      if (several) cells.insert(cells.begin(), TextField(host, "host"));
      table.Add(std::move(cells));
    }
  }
  if (table.empty()) return "no plugins: no model of the daemon's configuration names one\n";
  return table.Render(terminal) + Errors(hosts);
}

std::vector<json> OnlyPlugin(const std::vector<json>& hosts, std::string_view id) {
  std::vector<json> only;
  for (const json& host : hosts) {
    json plugins = json::array();
    for (const json& plugin : PartField(host, "plugins")) {
      if (TextField(plugin, "id") == id) plugins.push_back(plugin);
    }
    if (plugins.empty()) continue;
    only.push_back(host);
    only.back()["plugins"] = std::move(plugins);
  }
  return only;
}

std::string PluginText(const std::vector<json>& hosts, const Terminal& terminal) {
  std::string text;
  for (const json& host : hosts) {
    for (const json& plugin : PartField(host, "plugins")) {
      if (!text.empty()) text += "\n";
      text += Describe(plugin, hosts.size() > 1 ? TextField(host, "host") : "", terminal);
    }
  }
  return text;
}

Failure NoSuchPlugin(const std::vector<json>& hosts, std::string_view id, std::string_view url) {
  std::vector<std::string> ids;
  for (const json& host : hosts) {
    for (const json& plugin : PartField(host, "plugins")) ids.push_back(TextField(plugin, "id"));
  }
  const std::string nearest = Nearest(id, ids);
  return Failure::Local(Status::NotFound(
      fmt::format("no daemon on {} has a plugin '{}'", url, id),
      nearest.empty() ? "all plugins: darkroom plugins ls"
                      : fmt::format("did you mean {}? all plugins: darkroom plugins ls", nearest)));
}

}  // namespace darkroom
