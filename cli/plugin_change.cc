// SPDX-License-Identifier: Apache-2.0

#include "cli/plugin_change.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <system_error>

#include "cli/gather.h"
#include "cli/text.h"

namespace darkroom {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string Absolute(const std::string& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  return error ? path : absolute.lexically_normal().string();
}

bool IsFile(const std::string& text) {
  std::error_code error;
  return text.find('/') != std::string::npos || fs::is_regular_file(text, error);
}

// "echo 1.0.0 -> 1.1.0", "echo 1.0.0 loaded", "echo 1.0.0 unloaded".
std::string WhatChanged(const json& answer) {
  const std::string plugin = TextField(answer, "plugin");
  const std::string action = TextField(answer, "action");
  const std::string from = TextField(answer, "from");
  const std::string version = TextField(answer, "version");
  if (action == "upgraded") return fmt::format("{} {} -> {}", plugin, from, version);
  if (action == "rolled back") return fmt::format("{} {} -> {}, {}", plugin, from, version, action);
  return fmt::format("{} {} {}", plugin, version.empty() ? from : version, action);
}

}  // namespace

json ChangeBody(const ChangeArguments& arguments) {
  json body = json::object();
  if (arguments.verb == "load" && IsFile(arguments.plugin)) {
    body["file"] = Absolute(arguments.plugin);
  } else {
    body["plugin"] = arguments.plugin;
  }
  if (!arguments.file.empty()) body["file"] = Absolute(arguments.file);
  if (!arguments.host.empty()) body["host"] = arguments.host;
  return body;
}

std::string ChangeText(const json& answer) {
  const std::string action = TextField(answer, "action");
  std::string line = fmt::format("{}: {}, generation {}", TextField(answer, "host"),
                                 WhatChanged(answer), CountField(answer, "generation"));
  if (action == "unchanged") {
    line += ": it has this very file";
  } else {
    const std::string plan = TextField(answer, "plan");
    const std::chrono::duration<double, std::milli> took(NumberField(answer, "took_ms"));
    line += fmt::format(" ({}{})", plan.empty() ? "" : plan + ", ", FormatTime(took));
  }
  std::string text = Printable(line) + "\n";
  for (const json& note : PartField(answer, "notes")) {
    if (note.is_string()) text += "  " + Printable(note.get<std::string>()) + "\n";
  }
  if (action == "loaded" && PartField(answer, "models").empty()) {
    text += "  no model uses it: another plugin's model has its name\n";
  }
  return text;
}

}  // namespace darkroom
