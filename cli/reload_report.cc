// SPDX-License-Identifier: Apache-2.0

#include "cli/reload_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/text.h"

namespace darkroom {
namespace {

using nlohmann::json;

const json kNone = json::array();

// The list at that place of what a stranger sent; none if it is something else.
const json& ListIn(const json& object, const char* pointer) {
  const json::json_pointer at(pointer);
  const bool there = object.contains(at) && object[at].is_array();
  return there ? object[at] : kNone;
}

std::string TextOf(const json& value) {
  return value.is_string() ? Printable(value.get<std::string>()) : std::string();
}

void AddNames(const json& answer, const char* pointer, const char* what, std::string* text) {
  for (const json& name : ListIn(answer, pointer)) {
    *text += fmt::format("  {}{}\n", what, TextOf(name));
  }
}

}  // namespace

std::string ReloadText(const json& answer) {
  std::string text;
  AddNames(answer, "/settings", "~ ", &text);
  AddNames(answer, "/models/added", "+ model ", &text);
  for (const json& model : ListIn(answer, "/models/changed")) {
    std::string keys;
    for (const json& key : ListIn(model, "/keys")) {
      keys += fmt::format("{}{}", keys.empty() ? "" : ", ", TextOf(key));
    }
    const json name = model.is_object() ? model.value("name", json()) : json();
    text += fmt::format("  ~ model {}: {}\n", TextOf(name), keys);
  }
  AddNames(answer, "/models/removed", "- model ", &text);
  AddNames(answer, "/routes/added", "+ route ", &text);
  AddNames(answer, "/routes/changed", "~ route ", &text);
  AddNames(answer, "/routes/removed", "- route ", &text);
  const bool none = text.empty();
  AddNames(answer, "/warnings", "! ", &text);
  const bool done = answer.is_object() && answer.value("done", json()) == true;
  const json host = answer.is_object() ? answer.value("host", json()) : json();
  return fmt::format("{}: {}\n{}", TextOf(host),
                     none   ? "nothing has changed"
                     : done ? "reloaded"
                            : "reloading",
                     text);
}

}  // namespace darkroom
