// SPDX-License-Identifier: Apache-2.0

#include "cli/dead_view.h"

#include <fmt/format.h>

#include "cli/gather.h"
#include "cli/table.h"
#include "cli/text.h"
#include "core/json.h"
#include "core/units.h"

namespace darkroom {
namespace {

using nlohmann::json;

std::string Error(const json& letter) {
  const json& error = PartField(letter, "error");
  const std::string code = TextField(error, "code");
  const std::string message = TextField(error, "message");
  return code.empty() ? message : fmt::format("{}: {}", code, message);
}

}  // namespace

std::string DeadTable(const std::vector<json>& letters, WallTime now, const Terminal& terminal) {
  Table table({{"JOB"},
               {"MODEL"},
               {"CLASS"},
               {"DIED", Align::kRight},
               {"TRIES", Align::kRight},
               {"SIZE", Align::kRight},
               {"ERROR"}});
  for (const json& letter : letters) {
    table.Add({TextField(letter, "id"), TextField(letter, "model"), TextField(letter, "class"),
               Ago(TextField(letter, "died"), now), std::to_string(CountField(letter, "attempts")),
               FormatSize(CountField(letter, "bytes")), Error(letter)});
  }
  return table.empty() ? "no dead letters\n" : table.Render(terminal);
}

std::string DeadText(const json& letter, WallTime now) {
  std::string text =
      fmt::format("{}: {}\n", Printable(TextField(letter, "id")), Printable(Error(letter)));
  const auto line = [&text](std::string_view name, const std::string& value) {
    if (!value.empty()) text += fmt::format("  {:<9}  {}\n", name, Printable(value));
  };
  const auto when = [&](const char* name) {
    const std::string time = TextField(letter, name);
    return time.empty() ? time : fmt::format("{} ({})", time, Ago(time, now));
  };
  line("hint", TextField(PartField(letter, "error"), "hint"));
  line("model", TextField(letter, "model"));
  line("class", TextField(letter, "class"));
  line("host", TextField(letter, "host"));
  line("submitted", when("submitted"));
  line("died", when("died"));
  line("attempts", std::to_string(CountField(letter, "attempts")));
  line("size", FormatSize(CountField(letter, "bytes")));
  const auto list = [&](const char* name, std::string_view heading) {
    const json& lines = PartField(letter, name);
    if (!lines.is_array() || lines.empty()) return;
    text += fmt::format("\n{}\n", heading);
    for (const json& one : lines) {
      if (one.is_string()) text += fmt::format("  {}\n", Printable(one.get<std::string>()));
    }
  };
  if (const json& headers = PartField(letter, "headers"); headers.is_object()) {
    text += "\nrequest\n";
    for (const auto& [name, value] : headers.items()) {
      text +=
          fmt::format("  {:<18}  {}\n", Printable(name),
                      Printable(value.is_string() ? value.get<std::string>() : WriteJson(value)));
    }
  }
  list("history", "attempts that failed");
  list("log", "the worker's last lines");
  return text;
}

}  // namespace darkroom
