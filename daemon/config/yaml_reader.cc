// SPDX-License-Identifier: Apache-2.0

#include "config/yaml_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "config/parse_whole.h"
#include "core/suggest.h"
#include "core/units.h"

namespace darkroom {
namespace {

// "did you mean 'file'?", or nothing where no word is near. The beginning of a word is near it.
std::string DidYouMean(const std::string& word, const std::vector<std::string>& known) {
  std::string nearest = Nearest(word, known);
  for (const std::string& one : known) {
    if (nearest.empty() && word.size() >= 3 && one.starts_with(word)) nearest = one;
  }
  return nearest.empty() ? "" : fmt::format("did you mean '{}'?", nearest);
}

}  // namespace

YamlReader::YamlReader(const YamlNode& node, std::string where, std::vector<ConfigIssue>* issues)
    : node_(node), where_(std::move(where)), issues_(issues) {
  if (!node.IsDefined() || node.IsNull() || node.IsMap()) return;
  Complain(node, fmt::format("{} must be a map of keys and values", where_));
  node_ = YamlNode();
}

void YamlReader::String(const char* key, std::string* out) {
  Scalar(key, [out](const std::string& text) {
    *out = text;
    return Status::Ok();
  });
}

void YamlReader::Path(const char* key, std::filesystem::path* out) {
  const YamlNode node = Child(key);
  Scalar(key, [&](const std::string& text) {
    if (text.empty()) return Status::InvalidArgument("must not be empty");
    *out = Resolve(node, text);
    return Status::Ok();
  });
}

void YamlReader::Bool(const char* key, bool* out) {
  Scalar(key, [out](const std::string& text) {
    // What YAML 1.1 took for booleans is the usual slip.
    const bool yes = text == "yes" || text == "on" || text == "True" || text == "TRUE";
    const bool no = text == "no" || text == "off" || text == "False" || text == "FALSE";
    if (text != "true" && text != "false") {
      return Status::InvalidArgument("must be true or false", yes  ? "did you mean 'true'?"
                                                              : no ? "did you mean 'false'?"
                                                                   : "");
    }
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

void YamlReader::Number(const char* key, double least, double most, double* out) {
  Scalar(key, [=](const std::string& text) {
    double value = 0;
    // "nan" is read, and lies nowhere.
    const bool is_within = ParseWhole(text, &value) && value >= least && value <= most;
    if (!is_within) {
      return Status::InvalidArgument(fmt::format("must be a number from {} to {}", least, most));
    }
    *out = value;
    return Status::Ok();
  });
}

void YamlReader::Duration(const char* key, std::chrono::milliseconds* out) {
  Scalar(key, [out](const std::string& text) {
    // Nothing is nothing in every unit.
    const auto value = ParseDuration(text == "0" ? "0ms" : text);
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
  const YamlNode node = Take(key);
  if (!node.IsDefined() || node.IsNull()) return;
  const std::vector<YamlNode>& items = node.items();
  const bool fits = node.IsList() && std::all_of(items.begin(), items.end(), [](const auto& one) {
                      return one.IsScalar() && !one.Scalar().empty();
                    });
  if (!fits) {
    Complain(node, fmt::format("{} must be a list of names", Name(key)));
    return;
  }
  out->clear();
  for (const YamlNode& one : items) out->push_back(one.Scalar());
}

void YamlReader::Object(const char* key, nlohmann::json* out) {
  const YamlNode node = Take(key);
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
      return Status::InvalidArgument(fmt::format("must be one of {}", fmt::join(choices, ", ")),
                                     DidYouMean(text, choices));
    }
    *out = text;
    return Status::Ok();
  });
}

YamlNode YamlReader::Child(const char* key) { return Take(key); }

void YamlReader::Require(const char* key) {
  known_.emplace_back(key);
  if (!node_[key].IsDefined()) Complain(node_, fmt::format("{} is required", Name(key)));
}

void YamlReader::Complain(const YamlNode& at, std::string message) {
  issues_->push_back(IssueAt(at.place(), std::move(message)));
}

void YamlReader::Finish() {
  std::set<std::string> seen;
  for (const auto& [name, value] : node_.entries()) {
    if (!name.IsScalar()) {
      Complain(name, fmt::format("a key of {} must be a single word",
                                 where_.empty() ? "the file" : where_));
      continue;
    }
    const std::string& key = name.Scalar();
    if (!seen.insert(key).second) {
      Complain(name, fmt::format("key '{}' is given twice", Name(key.c_str())));
    }
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    const std::string meant = DidYouMean(key, known_);
    Complain(name, fmt::format("unknown key '{}'{}", Name(key.c_str()),
                               meant.empty() ? "" : " (" + meant + ")"));
  }
}

std::filesystem::path YamlReader::Resolve(const YamlNode& at, const std::string& path) {
  const auto& file = at.place().file;
  const std::filesystem::path folder =
      file ? std::filesystem::absolute(*file).parent_path() : std::filesystem::current_path();
  return (folder / path).lexically_normal();
}

YamlNode YamlReader::Take(const char* key) {
  known_.emplace_back(key);
  return node_[key];
}

std::string YamlReader::Name(const char* key) const {
  return where_.empty() ? key : fmt::format("{}.{}", where_, key);
}

void YamlReader::Scalar(const char* key, const std::function<Status(const std::string&)>& read) {
  const YamlNode node = Take(key);
  if (!node.IsDefined() || node.IsNull()) return;
  if (!node.IsScalar()) {
    Complain(node, fmt::format("{} must be a single value", Name(key)));
    return;
  }
  const Status status = read(node.Scalar());
  if (status.ok()) return;
  if (node.has_reference()) {
    // What it stands for may be a secret, and stays out of the message.
    Complain(node,
             fmt::format("{}: what '{}' stands for is not valid here{}", Name(key), node.Shown(),
                         status.hint().empty() ? "" : fmt::format(" ({})", status.hint())));
    return;
  }
  std::string message = fmt::format("{}: {}", Name(key), status.message());
  const std::string quoted = fmt::format("'{}'", node.Scalar());
  if (message.find(quoted) == std::string::npos) message += ", not " + quoted;
  if (!status.hint().empty()) message += fmt::format(" ({})", status.hint());
  Complain(node, std::move(message));
}

}  // namespace darkroom
