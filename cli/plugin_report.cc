// SPDX-License-Identifier: Apache-2.0

#include "cli/plugin_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "cli/text.h"
#include "core/params_schema.h"

namespace darkroom {
namespace {

using nlohmann::json;

json ValuesJson(const std::vector<ValueInfo>& values) {
  json list = json::array();
  for (const ValueInfo& value : values) {
    list.push_back(
        {{"name", value.name}, {"kind", ValueKindName(value.kind)}, {"optional", value.optional}});
  }
  return list;
}

std::vector<std::string> DeviceNames(const ModelInfo& info) {
  std::vector<std::string> names;
  for (const DeviceKind device : info.devices) {
    names.emplace_back(device == DeviceKind::kCuda ? "cuda" : "cpu");
  }
  return names;
}

std::string Values(const std::vector<ValueInfo>& values) {
  std::string text;
  for (const ValueInfo& value : values) {
    text += fmt::format("{}{} ({}{})", text.empty() ? "" : ", ", value.name,
                        ValueKindName(value.kind), value.optional ? ", optional" : "");
  }
  return text.empty() ? "none" : text;
}

bool StaysMapped(const PluginFile& plugin) { return plugin.report.verdict == Verdict::kResident; }

}  // namespace

Result<PluginFile> InspectPlugin(const std::string& path) {
  Result<PluginFile> plugin = ReadPluginFile(path);
  if (!plugin.ok()) return plugin;
  if (const auto schema = ParamsSchema::Compile(plugin->info.params); !schema.ok()) {
    return schema.status().Annotated("params of the manifest");
  }
  return plugin;
}

std::string PluginReportText(const PluginFile& plugin) {
  const ModelInfo& info = plugin.info;
  std::string text = fmt::format("{} {}: {}\n", info.id, info.version, Printable(info.summary));
  const auto line = [&text](std::string_view name, const std::string& value) {
    text += fmt::format("  {:<9}  {}\n", name, Printable(value));
  };
  line("file", plugin.path);
  line("sha256", plugin.sha256);
  line("inputs", Values(info.inputs));
  line("outputs", Values(info.outputs));
  line("devices", fmt::format("{}", fmt::join(DeviceNames(info), ", ")));
  if (!info.torch.empty()) line("libtorch", info.torch);
  line("libraries", fmt::format("{}", fmt::join(plugin.report.needed, " ")));
  for (const std::string& note : plugin.report.notes) line("note", note);
  if (!StaysMapped(plugin)) return text + "ok: it loads, and its file is unmapped when it goes\n";
  text += "ok: it loads, but its file stays mapped for as long as its process lives:\n";
  for (const std::string& reason : plugin.report.residents) line("because", reason);
  return text;
}

json PluginReportJson(const PluginFile& plugin) {
  const ModelInfo& info = plugin.info;
  return {{"file", plugin.path},
          {"plugin", info.id},
          {"version", info.version},
          {"summary", info.summary},
          {"sha256", plugin.sha256},
          {"inputs", ValuesJson(info.inputs)},
          {"outputs", ValuesJson(info.outputs)},
          {"devices", DeviceNames(info)},
          {"torch", info.torch.empty() ? json() : json(info.torch)},
          {"verdict", StaysMapped(plugin) ? "resident" : "ok"},
          {"reasons", plugin.report.residents},
          {"notes", plugin.report.notes},
          {"libraries", plugin.report.needed},
          {"missing", plugin.report.missing}};
}

}  // namespace darkroom
