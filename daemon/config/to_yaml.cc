// SPDX-License-Identifier: Apache-2.0

#include <yaml-cpp/emitter.h>
#include <yaml-cpp/emittermanip.h>

#include "config/to_json.h"

namespace darkroom {
namespace {

using Json = nlohmann::ordered_json;

// What would be read as something else if it stood there without quotes.
bool NeedsQuotes(const std::string& text) {
  if (text == "true" || text == "false" || text == "null" || text == "~" || text.empty()) {
    return true;
  }
  return text.find_first_not_of("0123456789.+-eE") == std::string::npos;
}

void Emit(const Json& value, YAML::Emitter* out) {
  switch (value.type()) {
    case Json::value_t::object:
      *out << (value.empty() ? YAML::Flow : YAML::Block) << YAML::BeginMap;
      for (const auto& [key, item] : value.items()) {
        *out << YAML::Key << key << YAML::Value;
        Emit(item, out);
      }
      *out << YAML::EndMap;
      break;
    case Json::value_t::array: {
      bool plain = true;
      for (const Json& item : value) plain = plain && !item.is_structured();
      *out << (plain ? YAML::Flow : YAML::Block) << YAML::BeginSeq;
      for (const Json& item : value) Emit(item, out);
      *out << YAML::EndSeq;
      break;
    }
    case Json::value_t::string: {
      const auto& text = value.get_ref<const std::string&>();
      if (NeedsQuotes(text)) *out << YAML::DoubleQuoted;
      *out << text;
      break;
    }
    case Json::value_t::null:
      *out << YAML::Null;
      break;
    default:
      // Numbers and booleans read the same in both.
      *out << value.dump();
  }
}

}  // namespace

std::string ToYaml(const Json& value) {
  YAML::Emitter out;
  Emit(value, &out);
  return std::string(out.c_str()) + "\n";
}

}  // namespace darkroom
