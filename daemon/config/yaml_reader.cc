// SPDX-License-Identifier: Apache-2.0

#include "config/yaml_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <utility>

#include "core/suggest.h"
#include "core/units.h"

namespace darkroom {
namespace {

template <typename Number>
bool ParseWhole(const std::string& text, Number* out) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, *out);
  return error == std::errc() && rest == end;
}

nlohmann::json PlainScalarToJson(const std::string& text) {
  if (text.empty() || text == "null" || text == "~") return nullptr;
  if (text == "true") return true;
  if (text == "false") return false;
  int64_t whole = 0;
  if (ParseWhole(text, &whole)) return whole;
  double number = 0;
  if (ParseWhole(text, &number) && std::isfinite(number)) return number;
  return text;
}

}  // namespace

nlohmann::json YamlToJson(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Scalar:
      // yaml-cpp tags quoted scalars "!" and plain ones "?".
      return node.Tag() == "!" ? nlohmann::json(node.Scalar()) : PlainScalarToJson(node.Scalar());
    case YAML::NodeType::Sequence: {
      auto list = nlohmann::json::array();
      for (const YAML::Node& item : node) list.push_back(YamlToJson(item));
      return list;
    }
    case YAML::NodeType::Map: {
      auto object = nlohmann::json::object();
      for (const auto& item : node) object[item.first.Scalar()] = YamlToJson(item.second);
      return object;
    }
    case YAML::NodeType::Null:
    case YAML::NodeType::Undefined:
      break;
  }
  return nullptr;
}

YamlReader::YamlReader(const YAML::Node& node, std::string where, const std::filesystem::path& file,
                       std::vector<ConfigIssue>* issues)
    : where_(std::move(where)), file_(file), issues_(issues) {
  if (!node.IsDefined() || node.IsNull()) return;
  if (node.IsMap()) {
    node_.reset(node);
  } else {
    Complain(node, fmt::format("{} must be a map of keys and values", where_));
  }
}

void YamlReader::String(const char* key, std::string* out) {
  Scalar(key, [out](const std::string& text) {
    *out = text;
    return Status::Ok();
  });
}

void YamlReader::Path(const char* key, std::filesystem::path* out) {
  Scalar(key, [this, out](const std::string& text) {
    if (text.empty()) return Status::InvalidArgument("must not be empty");
    *out = (std::filesystem::absolute(file_).parent_path() / text).lexically_normal();
    return Status::Ok();
  });
}

void YamlReader::Bool(const char* key, bool* out) {
  Scalar(key, [out](const std::string& text) {
    if (text != "true" && text != "false") return Status::InvalidArgument("must be true or false");
    *out = text == "true";
    return Status::Ok();
  });
}

void YamlReader::Integer(const char* key, uint64_t least, uint64_t most, uint64_t* out) {
  Scalar(key, [=](const std::string& text) {
    uint64_t value = 0;
    if (!ParseWhole(text, &value) || value < least || value > most) {
      return Status::InvalidArgument(
          fmt::format("must be a whole number from {} to {}", least, most));
    }
    *out = value;
    return Status::Ok();
  });
}

void YamlReader::Duration(const char* key, std::chrono::milliseconds* out) {
  Scalar(key, [out](const std::string& text) {
    const auto value = ParseDuration(text);
    if (value.ok()) *out = *value;
    return value.status();
  });
}

void YamlReader::Size(const char* key, uint64_t* out) {
  Scalar(key, [out](const std::string& text) {
    const auto value = ParseSize(text);
    if (value.ok()) *out = *value;
    return value.status();
  });
}

void YamlReader::Strings(const char* key, std::vector<std::string>* out) {
  const YAML::Node node = Take(key);
  if (!node.IsDefined() || node.IsNull()) return;
  const bool fits =
      node.IsSequence() && std::all_of(node.begin(), node.end(), [](const YAML::Node& one) {
        return one.IsScalar() && !one.Scalar().empty();
      });
  if (!fits) {
    Complain(node, fmt::format("{} must be a list of names", Name(key)));
    return;
  }
  out->clear();
  for (const YAML::Node& one : node) out->push_back(one.Scalar());
}

void YamlReader::Object(const char* key, nlohmann::json* out) {
  const YAML::Node node = Take(key);
  if (!node.IsDefined() || node.IsNull()) return;
  if (!node.IsMap()) {
    Complain(node, fmt::format("{} must be a map of keys and values", Name(key)));
    return;
  }
  *out = YamlToJson(node);
}

void YamlReader::Choice(const char* key, const std::vector<std::string>& choices,
                        std::string* out) {
  Scalar(key, [&](const std::string& text) {
    if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
      return Status::InvalidArgument(fmt::format("must be one of {}", fmt::join(choices, ", ")));
    }
    *out = text;
    return Status::Ok();
  });
}

YAML::Node YamlReader::Child(const char* key) { return Take(key); }

void YamlReader::Require(const char* key) {
  known_.emplace_back(key);
  if (!node_.IsMap() || !node_[key].IsDefined()) {
    Complain(node_, fmt::format("{} is required", Name(key)));
  }
}

void YamlReader::Complain(const YAML::Node& at, std::string message) {
  const YAML::Mark mark = at.IsDefined() ? at.Mark() : YAML::Mark::null_mark();
  issues_->push_back({file_, mark.is_null() ? 0 : mark.line + 1,
                      mark.is_null() ? 0 : mark.column + 1, std::move(message)});
}

void YamlReader::Finish() {
  if (!node_.IsMap()) return;
  std::set<std::string> seen;
  for (const auto& item : node_) {
    const std::string key = item.first.Scalar();
    if (!seen.insert(key).second) {
      Complain(item.first, fmt::format("key '{}' is given twice", Name(key.c_str())));
    }
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    const std::string nearest = Nearest(key, known_);
    Complain(item.first,
             fmt::format("unknown key '{}'{}", Name(key.c_str()),
                         nearest.empty() ? "" : fmt::format(" (did you mean '{}'?)", nearest)));
  }
}

YAML::Node YamlReader::Take(const char* key) {
  known_.emplace_back(key);
  const YAML::Node none(YAML::NodeType::Undefined);
  if (!node_.IsMap()) return none;
  // A const look-up: the other one would add the key to the map. What it gives for an absent key
  // throws at every question but this one.
  const YAML::Node found = std::as_const(node_)[key];
  return found.IsDefined() ? found : none;
}

std::string YamlReader::Name(const char* key) const {
  return where_.empty() ? key : fmt::format("{}.{}", where_, key);
}

void YamlReader::Scalar(const char* key, const std::function<Status(const std::string&)>& read) {
  const YAML::Node node = Take(key);
  if (!node.IsDefined() || node.IsNull()) return;
  if (!node.IsScalar()) {
    Complain(node, fmt::format("{} must be a single value", Name(key)));
    return;
  }
  const Status status = read(node.Scalar());
  if (status.ok()) return;
  std::string message = fmt::format("{}: {}", Name(key), status.message());
  const std::string quoted = fmt::format("'{}'", node.Scalar());
  if (message.find(quoted) == std::string::npos) message += ", not " + quoted;
  if (!status.hint().empty()) message += fmt::format(" ({})", status.hint());
  Complain(node, std::move(message));
}

}  // namespace darkroom
