// SPDX-License-Identifier: Apache-2.0

#include "cli/batch_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "cli/content_type.h"
#include "cli/gather.h"
#include "core/digest.h"
#include "core/json.h"
#include "core/units.h"

namespace darkroom {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 10> kFields = {
    "model", "input", "inputs", "params", "id", "tags", "class", "output", "accept", "deadline"};
constexpr size_t kIdDigits = 24;  // 96 bits: no two lines of the world meet

std::string MakeId(std::string_view text, uint64_t number, const std::string& model) {
  Sha256 digest;
  digest.Update(AsBytes(text));
  digest.Update(AsBytes(fmt::format("\n{}\n{}", number, model)));
  return "b" + digest.Hex().substr(0, kIdDigits);
}

Status ReadText(const json& line, const char* name, std::string* out) {
  const auto field = line.find(name);
  if (field == line.end()) return {};
  if (!field->is_string()) return Status::InvalidArgument(fmt::format("'{}' is no text", name));
  *out = field->get<std::string>();
  return {};
}

// A path, or {"text": "..."}.
Status ReadInputField(const std::string& name, const json& value, BatchLine* line) {
  if (value.is_string()) {
    line->inputs.push_back({name, InputArgument::Source::kFile, value.get<std::string>()});
    return {};
  }
  if (value.is_object() && value.size() == 1 && value.contains("text") &&
      value["text"].is_string()) {
    line->inputs.push_back({name, InputArgument::Source::kText, value["text"].get<std::string>()});
    return {};
  }
  return Status::InvalidArgument(
      fmt::format("input '{}' is neither a path nor a text", name.empty() ? "input" : name),
      R"(write "photo.jpg" or {"text": "a red cat"})");
}

Status ReadInputs(const json& line, BatchLine* out) {
  const auto one = line.find("input");
  const auto several = line.find("inputs");
  if (one != line.end() && several != line.end()) {
    return Status::InvalidArgument("'input' and 'inputs' are one too many");
  }
  if (one != line.end()) return ReadInputField({}, *one, out);
  if (several == line.end()) return {};
  if (!several->is_object()) return Status::InvalidArgument("'inputs' is no object");
  for (const auto& [name, value] : several->items()) {
    if (Status status = ReadInputField(name, value, out); !status.ok()) return status;
  }
  return {};
}

Status ReadTags(const json& line, Tags* tags) {
  const auto field = line.find("tags");
  if (field == line.end()) return {};
  if (!field->is_object()) return Status::InvalidArgument("'tags' is no object");
  std::vector<std::string> assignments;
  for (const auto& [name, value] : field->items()) {
    if (!value.is_string() && !value.is_number() && !value.is_boolean()) {
      return Status::InvalidArgument(fmt::format("tag '{}' is no text", name));
    }
    assignments.push_back(
        fmt::format("{}={}", name, value.is_string() ? value.get<std::string>() : value.dump()));
  }
  Result<Tags> read = CheckTags(assignments);
  if (read.ok()) *tags = *std::move(read);
  return read.status();
}

Status ReadRest(const json& line, BatchLine* out) {
  if (const auto params = line.find("params"); params != line.end()) {
    if (!params->is_object()) return Status::InvalidArgument("'params' is no object");
    out->params = *params;
  }
  std::string deadline;
  std::string accept;
  Status status = ReadText(line, "output", &out->output);
  if (status.ok()) status = ReadText(line, "deadline", &deadline);
  if (status.ok()) status = ReadText(line, "accept", &accept);
  if (!status.ok()) return status;
  if (!deadline.empty()) {
    const Result<std::chrono::milliseconds> time = ParseDuration(deadline);
    if (!time.ok()) return time.status().Annotated("'deadline'");
    out->deadline = *time;
  }
  out->accept = AcceptForPath(out->output);
  if (accept.empty()) return {};
  Result<std::string> form = AcceptForWord(accept);
  if (form.ok()) out->accept = *std::move(form);
  return form.status();
}

}  // namespace

Result<BatchLine> ParseBatchLine(std::string_view text, uint64_t number,
                                 const BatchDefaults& defaults) {
  const Result<json> parsed = ParseJson(text);
  if (!parsed.ok()) return parsed.status();
  if (!parsed->is_object()) return Status::InvalidArgument("it is no JSON object");
  for (const auto& [name, value] : parsed->items()) {
    if (std::find(kFields.begin(), kFields.end(), name) == kFields.end()) {
      return Status::InvalidArgument(fmt::format("there is no field '{}'", name),
                                     fmt::format("fields are {}", fmt::join(kFields, ", ")));
    }
  }
  BatchLine line;
  line.job.model = defaults.model;
  line.job.job_class = defaults.job_class;
  Status status = ReadText(*parsed, "model", &line.job.model);
  if (status.ok()) status = ReadText(*parsed, "class", &line.job.job_class);
  if (status.ok()) status = ReadText(*parsed, "id", &line.job.id);
  if (status.ok()) status = CheckClass(line.job.job_class);
  if (status.ok()) status = ReadInputs(*parsed, &line);
  if (status.ok()) status = ReadTags(*parsed, &line.job.tags);
  if (status.ok()) status = ReadRest(*parsed, &line);
  if (!status.ok()) return status;
  if (line.job.model.empty()) {
    return Status::InvalidArgument("it names no model", R"(add "model", or give --model)");
  }
  if (!IsToken(line.job.model)) {
    return Status::InvalidArgument(fmt::format("'{}' cannot be a model's name", line.job.model));
  }
  if (line.job.id.empty()) line.job.id = MakeId(text, number, line.job.model);
  if (!IsJobId(line.job.id)) {
    return Status::InvalidArgument(fmt::format("'{}' cannot be a job's id", line.job.id),
                                   "1 to 64 letters, digits, '-' and '_'");
  }
  return line;
}

}  // namespace darkroom
