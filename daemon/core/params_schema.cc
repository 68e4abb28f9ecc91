// SPDX-License-Identifier: Apache-2.0
//
// The only file that includes valijson, since it takes long to compile.

#include "core/params_schema.h"

#include <exception>
#include <utility>

// Without it valijson ends the process where a schema is wrong.
#define VALIJSON_USE_EXCEPTIONS 1
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>
#include <vector>

#include "core/json.h"
#include "core/suggest.h"

namespace darkroom {
namespace {

using Json = nlohmann::json;
using Adapter = valijson::adapters::NlohmannJsonAdapter;

constexpr size_t kMaxShown = 80;  // bytes of a value in a message

std::string Shown(const Json& value) {
  std::string text = WriteJson(value);
  if (text.size() > kMaxShown) {
    size_t end = kMaxShown;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    text.resize(end);
    text += "...";
  }
  return text;
}

std::string Quoted(std::string_view name) {
  std::string text = "\"";
  text.append(name.substr(0, kMaxShown)).append("\"");
  return text;
}

std::string TypeWords(const std::string& type) {
  if (type == "integer") return "a whole number";
  if (type == "number") return "a number";
  if (type == "string") return "a string";
  if (type == "boolean") return "true or false";
  if (type == "array") return "a list";
  if (type == "object") return "an object";
  return type;
}

// "a whole number from 1 to 4", "one of "png", "jpeg"", or "" where the schema says more than a
// sentence can.
std::string AllowedWords(const Json& schema) {
  if (!schema.is_object()) return "";
  if (const auto choices = schema.find("enum"); choices != schema.end() && choices->is_array()) {
    std::string text = "one of ";
    for (size_t i = 0; i < choices->size(); ++i) {
      text.append(i == 0 ? "" : ", ").append(Shown((*choices)[i]));
    }
    return text;
  }
  if (const auto only = schema.find("const"); only != schema.end()) return Shown(*only);
  const auto type = schema.find("type");
  if (type == schema.end()) return "";
  std::string text;
  for (const Json& name : type->is_array() ? *type : Json::array({*type})) {
    if (!name.is_string()) return "";
    text.append(text.empty() ? "" : " or ").append(TypeWords(name.get<std::string>()));
  }
  const auto bound = [&](const char* key, const char* before, const char* after) {
    if (const auto found = schema.find(key); found != schema.end() && found->is_number()) {
      text.append(before).append(Shown(*found)).append(after);
    }
  };
  if (schema.contains("minimum") && schema.contains("maximum")) {
    bound("minimum", " from ", "");
    bound("maximum", " to ", "");
  } else {
    bound("minimum", " of at least ", "");
    bound("maximum", " of at most ", "");
  }
  bound("exclusiveMinimum", " above ", "");
  bound("exclusiveMaximum", " below ", "");
  bound("multipleOf", " in steps of ", "");
  bound("minLength", " of at least ", " characters");
  bound("maxLength", " of at most ", " characters");
  bound("minItems", " of at least ", " elements");
  bound("maxItems", " of at most ", " elements");
  if (const auto pattern = schema.find("pattern"); pattern != schema.end()) {
    text.append(" that matches ").append(Shown(*pattern));
  }
  return text;
}

// "[scale]" is how valijson writes one step of the way to a value.
std::string StepName(const std::string& step) {
  if (step.size() >= 2 && step.front() == '[' && step.back() == ']') {
    return step.substr(1, step.size() - 2);
  }
  return step;
}

}  // namespace

struct ParamsSchema::Impl {
  Json properties;    // of the schema, by name
  bool open = false;  // parameters that the schema does not name are allowed
  std::vector<std::string> names;
  std::vector<std::string> required;
  Json defaults = Json::object();
  // The answer to a request without params, which is what most requests are.
  Status without_params;
  valijson::Schema compiled;

  Status Compile(Json schema);
  Status CheckNames(const Json& params) const;
  Status Validate(const Json& params) const;
  Status Explain(const valijson::ValidationResults& results, const Json& params) const;
};

Status ParamsSchema::Impl::Compile(Json schema) {
  if (!schema.contains("type")) schema["type"] = "object";
  // A misspelt parameter must not be ignored in silence, so openness has to be asked for.
  if (!schema.contains("additionalProperties")) schema["additionalProperties"] = false;
  open = schema["additionalProperties"] != false || schema.contains("patternProperties");
  if (schema.contains("required")) required = schema["required"].get<std::vector<std::string>>();
  properties = schema.value("properties", Json::object());
  if (schema["type"] != "object" || !properties.is_object()) {
    return Status::InvalidArgument("the params schema does not describe an object");
  }
  for (const auto& [name, property] : properties.items()) {
    names.push_back(name);
    if (property.is_object() && property.contains("default")) defaults[name] = property["default"];
  }

  const Adapter adapter(schema);
  valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
  parser.populateSchema(adapter, compiled);

  for (const auto& [name, value] : defaults.items()) {
    valijson::ValidationResults results;
    valijson::Validator validator;
    const Json alone = {{name, value}};
    validator.validate(compiled, Adapter(alone), &results);
    for (const auto& error : results) {
      if (error.context.size() < 2) continue;  // another parameter is required
      return Explain(results, alone).Annotated("a default of the params schema does not fit it");
    }
  }
  without_params = Validate(defaults);
  return Status::Ok();
}

Status ParamsSchema::Impl::CheckNames(const Json& params) const {
  if (!open) {
    for (const auto& [name, value] : params.items()) {
      if (properties.contains(name)) continue;
      const std::string nearest = Nearest(name, names);
      std::string hint;
      if (!nearest.empty()) {
        hint = "did you mean " + Quoted(nearest) + "?";
      } else if (names.empty()) {
        hint = "this model has no parameters";
      } else {
        hint = "this model's parameters are ";
        for (size_t i = 0; i < names.size(); ++i) hint.append(i == 0 ? "" : ", ").append(names[i]);
      }
      return Status::InvalidArgument("unknown parameter " + Quoted(name), std::move(hint));
    }
  }
  for (const std::string& name : required) {
    if (params.contains(name)) continue;
    std::string hint;
    if (properties.contains(name)) hint = AllowedWords(properties[name]);
    return Status::InvalidArgument("the parameter " + Quoted(name) + " is missing",
                                   hint.empty() ? hint : "give " + hint);
  }
  return Status::Ok();
}

Status ParamsSchema::Impl::Validate(const Json& params) const {
  if (Status names_ok = CheckNames(params); !names_ok.ok()) return names_ok;
  try {
    valijson::Validator validator;
    const Adapter target(params);
    if (validator.validate(compiled, target, nullptr)) return Status::Ok();
    valijson::ValidationResults results;
    validator.validate(compiled, target, &results);
    return Explain(results, params);
  } catch (const std::exception& error) {
    return Status::InvalidArgument(std::string("the params cannot be checked: ") + error.what());
  }
}

Status ParamsSchema::Impl::Explain(const valijson::ValidationResults& results,
                                   const Json& params) const {
  for (const auto& error : results) {
    if (error.context.size() < 2) continue;
    const std::string name = StepName(error.context[1]);
    std::string message = "the parameter " + Quoted(name);
    if (params.contains(name)) message += " is " + Shown(params[name]);
    std::string allowed;
    if (error.context.size() == 2 && properties.contains(name)) {
      allowed = AllowedWords(properties[name]);
    }
    if (!allowed.empty()) {
      message.append("; it must be ").append(allowed);
      return Status::InvalidArgument(std::move(message));
    }
    for (size_t i = 2; i < error.context.size(); ++i) {
      message += (i == 2 ? "; at " : "") + error.context[i];
    }
    return Status::InvalidArgument(message + ": " + error.description);
  }
  for (const auto& error : results) {
    return Status::InvalidArgument("the params do not fit: " + error.description);
  }
  return Status::InvalidArgument("the params do not fit the model's schema");
}

ParamsSchema::ParamsSchema(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ParamsSchema::ParamsSchema(ParamsSchema&&) noexcept = default;
ParamsSchema& ParamsSchema::operator=(ParamsSchema&&) noexcept = default;
ParamsSchema::~ParamsSchema() = default;

Result<ParamsSchema> ParamsSchema::Compile(const Json& schema) {
  if (!schema.is_object() && !schema.is_null()) {
    return Status::InvalidArgument("the params schema is no JSON object");
  }
  try {
    auto impl = std::make_unique<Impl>();
    Status status = impl->Compile(schema.is_null() ? Json::object() : schema);
    if (!status.ok()) return status;
    return ParamsSchema(std::move(impl));
  } catch (const std::exception& error) {
    return Status::InvalidArgument(std::string("the params schema is not sound: ") + error.what());
  }
}

Status ParamsSchema::Apply(Json& params) const {
  if (params.is_null()) params = Json::object();
  if (!params.is_object()) return Status::InvalidArgument("params must be a JSON object");
  if (params.empty()) {
    if (impl_->without_params.ok()) params = impl_->defaults;
    return impl_->without_params;
  }
  Json complete = impl_->defaults;
  complete.update(params);
  Status status = impl_->Validate(complete);
  if (status.ok()) params = std::move(complete);
  return status;
}

bool ParamsSchema::Knows(std::string_view name) const {
  return impl_->properties.find(name) != impl_->properties.end();
}

}  // namespace darkroom
