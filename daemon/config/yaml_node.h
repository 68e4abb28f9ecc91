// SPDX-License-Identifier: Apache-2.0
//
// YamlNode is one value of the configuration as it was read: a scalar, a list or a map, with the
// file and the place that it stands at. Unlike yaml-cpp's own node it knows its file, so that
// values of several files can be merged into one tree whose errors name the right one.
//
// A handle on data that never changes: cheap to copy, safe from any thread. A default-constructed
// one is undefined, which is what an absent key reads as.

#ifndef DARKROOM_CONFIG_YAML_NODE_H_
#define DARKROOM_CONFIG_YAML_NODE_H_

#include <cstddef>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "config/load.h"

namespace darkroom {

// Where a value stands; line and column from 1, or 0 where that is not known.
struct YamlPlace {
  std::shared_ptr<const std::filesystem::path> file;
  int line = 0;
  int column = 0;
};

class YamlNode {
 public:
  enum class Kind : uint8_t { kUndefined, kNull, kScalar, kList, kMap };
  using Entry = std::pair<YamlNode, YamlNode>;

  YamlNode() = default;
  static YamlNode Null(YamlPlace place);
  // `written` is what stands in the file, where references in it were replaced by what they stand
  // for.
  static YamlNode MakeScalar(YamlPlace place, std::string text, bool quoted,
                             std::string written = {});
  static YamlNode List(YamlPlace place, std::vector<YamlNode> items);
  static YamlNode Map(YamlPlace place, std::vector<Entry> entries);

  bool IsDefined() const { return kind() != Kind::kUndefined; }
  bool IsNull() const { return kind() == Kind::kNull; }
  bool IsScalar() const { return kind() == Kind::kScalar; }
  bool IsList() const { return kind() == Kind::kList; }
  bool IsMap() const { return kind() == Kind::kMap; }

  // A scalar's text; "" of everything else.
  const std::string& Scalar() const;
  // The same as messages may show it: what a reference stands for may be a secret.
  const std::string& Shown() const;
  bool has_reference() const;
  bool quoted() const;

  const std::vector<YamlNode>& items() const;  // a list's; empty of everything else
  const std::vector<Entry>& entries() const;   // a map's, in the file's order, doubles and all
  // The first value of a map's key; undefined if there is none.
  YamlNode operator[](std::string_view key) const;

  const YamlPlace& place() const;
  // How many values it has in it, itself included; one that is used by alias counts each time.
  size_t weight() const;

 private:
  struct Data;
  Kind kind() const;
  explicit YamlNode(std::shared_ptr<const Data> data) : data_(std::move(data)) {}

  std::shared_ptr<const Data> data_;
};

// The one document in `text`; undefined if it is empty, or if something is wrong, which is then
// added to the issues.
YamlNode ParseYaml(const std::filesystem::path& file, const std::string& text,
                   std::vector<ConfigIssue>* issues);

// A value as JSON: quoted scalars stay strings, plain ones become null, booleans or numbers where
// they read so (YAML 1.2's core schema).
nlohmann::json YamlToJson(const YamlNode& node);

// An issue with the place of a value.
ConfigIssue IssueAt(const YamlPlace& place, std::string message);

}  // namespace darkroom

#endif  // DARKROOM_CONFIG_YAML_NODE_H_
