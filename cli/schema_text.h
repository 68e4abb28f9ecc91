// SPDX-License-Identifier: Apache-2.0
//
// A plugin's parameters in words: its JSON Schema, one line a parameter, for people who write `-p
// name=value`.
//
// Pure, safe from any thread. What a schema says beyond this (patterns, alternatives of objects) is
// in --json.

#ifndef DARKROOM_CLI_SCHEMA_TEXT_H_
#define DARKROOM_CLI_SCHEMA_TEXT_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace darkroom {

struct ParameterText {
  std::string name;
  std::string type;           // "integer", "number or null"
  std::string default_value;  // as JSON; empty: none
  std::string range;          // "1 to 100", "> 0", "png, jpeg, webp"
  std::string description;
  bool required = false;
};

// In the schema's order as far as JSON keeps one: by name. Empty where it describes no parameters.
std::vector<ParameterText> DescribeSchema(const nlohmann::json& schema);

}  // namespace darkroom

#endif  // DARKROOM_CLI_SCHEMA_TEXT_H_
