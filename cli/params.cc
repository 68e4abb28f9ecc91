// SPDX-License-Identifier: Apache-2.0

#include "cli/params.h"

#include <fmt/format.h>

#include "cli/input.h"
#include "cli/text.h"
#include "core/json.h"

namespace darkroom {

nlohmann::json ParseParamValue(std::string_view text) {
  Result<nlohmann::json> value = ParseJson(text);
  if (value.ok() && !value->is_string()) return *std::move(value);
  return std::string(text);
}

Result<nlohmann::json> ParseParams(const std::vector<std::string>& assignments,
                                   const std::string& json, std::string_view option) {
  nlohmann::json params = nlohmann::json::object();
  if (!json.empty()) {
    std::string text = json;
    if (json.starts_with('@')) {
      Result<Input> file = ReadInput({{}, InputArgument::Source::kFile, json.substr(1)});
      if (!file.ok()) return file.status();
      text = std::move(file->data);
    }
    Result<nlohmann::json> parsed = ParseJson(text);
    if (!parsed.ok()) return parsed.status().Annotated(option);
    if (!parsed->is_object()) {
      return Status::InvalidArgument(fmt::format("{} must be a JSON object", option),
                                     R"(such as '{"scale": 2}')");
    }
    params = *std::move(parsed);
  }
  for (const std::string& assignment : assignments) {
    const size_t equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Status::InvalidArgument(fmt::format("-p '{}' is no assignment", assignment),
                                     "write -p key=value, such as -p scale=2");
    }
    if (!IsUtf8(assignment)) {
      return Status::InvalidArgument(fmt::format("-p '{}' is not UTF-8", Printable(assignment)));
    }
    params[assignment.substr(0, equals)] = ParseParamValue(assignment.substr(equals + 1));
  }
  return params;
}

}  // namespace darkroom
