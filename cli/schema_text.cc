// SPDX-License-Identifier: Apache-2.0

#include "cli/schema_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/gather.h"

namespace darkroom {
namespace {

using nlohmann::json;

// A string bare, everything else as JSON: the way it is typed after `-p name=`.
std::string Typed(const json& value) {
  return value.is_string() ? value.get<std::string>()
                           : value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string Join(const json& values, std::string_view between) {
  std::string text;
  for (const json& value : values) {
    if (!text.empty()) text += between;
    text += Typed(value);
  }
  return text;
}

const json* Find(const json& object, const char* name) {
  const auto field = object.find(name);
  return field == object.end() ? nullptr : &*field;
}

std::string Type(const json& property) {
  if (const json* type = Find(property, "type")) {
    return type->is_array() ? Join(*type, " or ") : Typed(*type);
  }
  // An enumeration needs no type; its values show it.
  const json& values = PartField(property, "enum");
  return values.empty() ? "any" : std::string(values.front().type_name());
}

std::string Range(const json& property) {
  if (const json* only = Find(property, "const")) return Typed(*only);
  if (const json& values = PartField(property, "enum"); !values.empty()) return Join(values, ", ");
  const json* least = Find(property, "minimum");
  const json* most = Find(property, "maximum");
  std::string text;
  const auto add = [&text](std::string part) {
    text += (text.empty() ? "" : ", ") + std::move(part);
  };
  if (least != nullptr && most != nullptr) {
    add(fmt::format("{} to {}", Typed(*least), Typed(*most)));
  } else if (least != nullptr) {
    add(fmt::format(">= {}", Typed(*least)));
  } else if (most != nullptr) {
    add(fmt::format("<= {}", Typed(*most)));
  }
  if (const json* above = Find(property, "exclusiveMinimum")) add("> " + Typed(*above));
  if (const json* below = Find(property, "exclusiveMaximum")) add("< " + Typed(*below));
  if (const json* step = Find(property, "multipleOf")) add("multiples of " + Typed(*step));
  if (const json* length = Find(property, "maxLength")) {
    add(fmt::format("up to {} characters", Typed(*length)));
  }
  if (const json* count = Find(property, "maxItems"))
    add(fmt::format("up to {} items", Typed(*count)));
  return text;
}

}  // namespace

std::vector<ParameterText> DescribeSchema(const json& schema) {
  std::vector<ParameterText> parameters;
  const json& properties = PartField(schema, "properties");
  if (!properties.is_object()) return parameters;
  const json& required = PartField(schema, "required");
  for (const auto& [name, property] : properties.items()) {
    ParameterText text;
    text.name = name;
    if (property.is_object()) {
      text.type = Type(property);
      text.range = Range(property);
      text.description = TextField(property, "description");
      if (const json* value = Find(property, "default")) text.default_value = Typed(*value);
    }
    text.required = std::find(required.begin(), required.end(), json(name)) != required.end();
    parameters.push_back(std::move(text));
  }
  return parameters;
}

}  // namespace darkroom
