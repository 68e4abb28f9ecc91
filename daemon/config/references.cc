// SPDX-License-Identifier: Apache-2.0

#include "config/references.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string_view>

#include "core/suggest.h"

namespace darkroom {
namespace {

constexpr std::string_view kCredentials = "CREDENTIALS_DIRECTORY";

bool IsName(std::string_view text) {
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0])) != 0) return false;
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

std::vector<std::string> NamesThatAreSet() {
  std::vector<std::string> names;
  for (char** one = environ; one != nullptr && *one != nullptr; ++one) {
    const std::string_view entry(*one);
    names.emplace_back(entry.substr(0, entry.find('=')));
  }
  return names;
}

std::string NotSet(const std::string& name) {
  if (name == kCredentials) {
    return "${CREDENTIALS_DIRECTORY} is not set: systemd sets it for a unit with LoadCredential=; "
           "to check this file elsewhere, set it to a folder with the same files";
  }
  const std::string nearest = Nearest(name, NamesThatAreSet());
  return fmt::format("${{{}}}: this environment variable is not set{}", name,
                     nearest.empty()
                         ? ": set it with Environment= or EnvironmentFile= of the unit, or here"
                         : fmt::format(" (did you mean '{}'?)", nearest));
}

class Replacer {
 public:
  explicit Replacer(std::vector<ConfigIssue>* issues) : issues_(issues) {}

  YamlNode Replace(const YamlNode& node) {
    if (node.IsScalar()) return Scalar(node);
    if (node.IsList()) {
      std::vector<YamlNode> items;
      for (const YamlNode& item : node.items()) items.push_back(Replace(item));
      return YamlNode::List(node.place(), std::move(items));
    }
    if (node.IsMap()) {
      std::vector<YamlNode::Entry> entries;
      for (const auto& [key, value] : node.entries()) entries.emplace_back(key, Replace(value));
      return YamlNode::Map(node.place(), std::move(entries));
    }
    return node;
  }

 private:
  YamlNode Scalar(const YamlNode& node) {
    const std::string& text = node.Scalar();
    if (text.find("${") == std::string::npos) return node;
    std::string replaced;
    for (size_t at = 0; at < text.size();) {
      if (text.compare(at, 3, "$${") == 0) {
        replaced += "${";
        at += 3;
      } else if (text.compare(at, 2, "${") == 0) {
        const size_t end = text.find('}', at);
        const std::string name = text.substr(at + 2, end == std::string::npos ? end : end - at - 2);
        if (end == std::string::npos || !IsName(name)) {
          issues_->push_back(IssueAt(
              node.place(), fmt::format("'{}' has no reference such as ${{NAME}} at its ${{: write "
                                        "$${{ for a plain ${{",
                                        text)));
          return node;
        }
        const char* const value = std::getenv(name.c_str());
        if (value == nullptr) {
          issues_->push_back(IssueAt(node.place(), NotSet(name)));
          return node;
        }
        replaced += value;
        at = end + 1;
      } else {
        replaced += text[at++];
      }
    }
    return YamlNode::MakeScalar(node.place(), std::move(replaced), node.quoted(), text);
  }

  std::vector<ConfigIssue>* issues_;
};

// A key as a token of a JSON pointer.
std::string Token(const std::string& key) {
  std::string token;
  for (const char c : key) {
    if (c == '~') {
      token += "~0";
    } else if (c == '/') {
      token += "~1";
    } else {
      token += c;
    }
  }
  return token;
}

void Collect(const YamlNode& node, const std::string& at, std::map<std::string, std::string>* all) {
  if (node.has_reference()) (*all)[at] = node.Shown();
  for (const auto& [key, value] : node.entries()) {
    Collect(value, at + "/" + Token(key.Scalar()), all);
  }
  size_t index = 0;
  for (const YamlNode& item : node.items()) {
    Collect(item, fmt::format("{}/{}", at, index++), all);
  }
}

}  // namespace

YamlNode ReplaceReferences(const YamlNode& node, std::vector<ConfigIssue>* issues) {
  return Replacer(issues).Replace(node);
}

std::map<std::string, std::string> WrittenReferences(const YamlNode& root) {
  std::map<std::string, std::string> all;
  Collect(root, "", &all);
  return all;
}

}  // namespace darkroom
