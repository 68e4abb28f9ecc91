// SPDX-License-Identifier: Apache-2.0

#include "cli/job_view.h"

#include <fmt/format.h>

#include "cli/durable_request.h"
#include "cli/gather.h"
#include "cli/table.h"
#include "cli/text.h"
#include "core/json.h"

namespace darkroom {
namespace {

using nlohmann::json;
using Milliseconds = std::chrono::duration<double, std::milli>;

// From the start of the last attempt to its end, or to now.
std::string Took(const json& state, WallTime now) {
  const auto started = ParseTimestamp(TextField(state, "started"));
  if (!started) return {};
  const auto finished = ParseTimestamp(TextField(state, "finished"));
  if (!finished && TextField(state, "state") != "running") return {};
  const Milliseconds took = finished.value_or(now) - *started;
  return took.count() < 0 ? std::string() : FormatTime(took);
}

std::string TagsText(const json& state) {
  Tags tags;
  const json& all = PartField(state, "tags");
  if (!all.is_object()) return {};
  for (const auto& [name, value] : all.items()) {
    if (value.is_string()) tags[name] = value.get<std::string>();
  }
  return TagsHeader(tags);
}

std::string When(const json& state, const char* name, WallTime now) {
  const std::string text = TextField(state, name);
  return text.empty() ? text : fmt::format("{} ({})", text, Ago(text, now));
}

class Lines {
 public:
  void Add(std::string_view name, const std::string& value) {
    if (!value.empty()) text_ += fmt::format("  {:<10}  {}\n", name, Printable(value));
  }
  void Heading(std::string_view name) { text_ += fmt::format("\n{}\n", name); }
  std::string text_;
};

std::string Plain(const json& value) {
  return value.is_string() ? value.get<std::string>() : WriteJson(value);
}

void AddReceipt(const json& receipt, Lines* lines) {
  lines->Heading("receipt");
  for (const auto& [name, value] : receipt.items()) {
    if (value.is_null()) continue;
    const bool time = name.ends_with("_ms") && value.is_number();
    lines->Add(time ? name.substr(0, name.size() - 3) : name,
               time ? FormatTime(Milliseconds(value.get<double>())) : Plain(value));
  }
}

}  // namespace

std::string JobNote(const json& state) {
  if (TextField(state, "state") == "running" && state.contains("progress")) {
    std::string note = fmt::format("{:.0f}%", NumberField(state, "progress") * 100);
    const std::string stage = TextField(state, "stage");
    return stage.empty() ? note : note + ", " + stage;
  }
  const std::string message = TextField(PartField(state, "error"), "message");
  if (!message.empty()) return message;
  // Of an attempt before, while it waits for the next.
  const json& history = PartField(state, "history");
  const bool waits = TextField(state, "state") == "queued" && history.is_array();
  return waits && !history.empty() && history.back().is_string() ? history.back().get<std::string>()
                                                                 : std::string();
}

std::string JobTable(const std::vector<json>& states, WallTime now, const Terminal& terminal) {
  Table table({{"JOB"},
               {"MODEL"},
               {"CLASS"},
               {"STATE"},
               {"SUBMITTED", Align::kRight},
               {"TOOK", Align::kRight},
               {"TRIES", Align::kRight},
               {"HOST"},
               {"NOTE"}});
  for (const json& state : states) {
    table.Add({TextField(state, "id"), TextField(state, "model"), TextField(state, "class"),
               TextField(state, "state"), Ago(TextField(state, "submitted"), now), Took(state, now),
               std::to_string(CountField(state, "attempts")), TextField(state, "host"),
               JobNote(state)});
  }
  return table.empty() ? "no jobs\n" : table.Render(terminal);
}

std::string JobText(const json& state, WallTime now) {
  Lines lines;
  lines.text_ = fmt::format("{}: {}\n", Printable(TextField(state, "id")),
                            Printable(TextField(state, "state")));
  lines.Add("model", TextField(state, "model"));
  lines.Add("class", TextField(state, "class"));
  lines.Add("tags", TagsText(state));
  lines.Add("submitted", When(state, "submitted", now));
  lines.Add("started", When(state, "started", now));
  lines.Add("finished", When(state, "finished", now));
  lines.Add("took", Took(state, now));
  lines.Add("attempts", std::to_string(CountField(state, "attempts")));
  if (const uint64_t returned = CountField(state, "returned"); returned > 0) {
    lines.Add("returned", fmt::format("{} times, untried", returned));
  }
  lines.Add("host", TextField(state, "host"));
  lines.Add("device", TextField(state, "device"));
  for (const auto& [host, what] : PartField(state, "waits_for").items()) {
    lines.Add("waits for", fmt::format("{} on {}", Plain(what), host));
  }
  if (TextField(state, "state") == "running") lines.Add("progress", JobNote(state));
  lines.Add("result", TextField(state, "result"));
  const auto dead = state.find("dead");
  if (dead != state.end() && *dead == true) {
    lines.Add("kept", "as a dead letter: darkroom dead show " + TextField(state, "id"));
  }
  if (const json& history = PartField(state, "history"); !history.empty()) {
    lines.Heading("attempts that failed");
    size_t number = 0;
    for (const json& one : history) lines.Add(std::to_string(++number), Plain(one));
  }
  if (const json& error = PartField(state, "error"); error.is_object()) {
    lines.Heading("error");
    lines.Add("code", TextField(error, "code"));
    lines.Add("message", TextField(error, "message"));
    lines.Add("hint", TextField(error, "hint"));
  }
  if (const json& receipt = PartField(state, "receipt"); receipt.is_object()) {
    AddReceipt(receipt, &lines);
  }
  return lines.text_;
}

std::string JobLine(const json& state) {
  std::string line = fmt::format("{}  {}  {}", TextField(state, "id"), TextField(state, "model"),
                                 TextField(state, "state"));
  if (const std::string note = JobNote(state); !note.empty()) line += "  " + note;
  return Printable(line);
}

}  // namespace darkroom
