// SPDX-License-Identifier: Apache-2.0

#include "config/yaml_node.h"

#include <cmath>
#include <string_view>

#include "config/parse_whole.h"

namespace darkroom {

struct YamlNode::Data {
  Kind kind = Kind::kUndefined;
  bool quoted = false;
  YamlPlace place;
  std::string text;
  std::string written;
  std::vector<YamlNode> items;
  std::vector<Entry> entries;
  size_t weight = 1;
};

namespace {

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

YamlNode YamlNode::Null(YamlPlace place) {
  auto data = std::make_shared<Data>();
  data->kind = Kind::kNull;
  data->place = std::move(place);
  return YamlNode(std::move(data));
}

YamlNode YamlNode::MakeScalar(YamlPlace place, std::string text, bool quoted, std::string written) {
  auto data = std::make_shared<Data>();
  data->kind = Kind::kScalar;
  data->quoted = quoted;
  data->place = std::move(place);
  data->text = std::move(text);
  data->written = std::move(written);
  return YamlNode(std::move(data));
}

YamlNode YamlNode::List(YamlPlace place, std::vector<YamlNode> items) {
  auto data = std::make_shared<Data>();
  data->kind = Kind::kList;
  data->place = std::move(place);
  for (const YamlNode& item : items) data->weight += item.weight();
  data->items = std::move(items);
  return YamlNode(std::move(data));
}

YamlNode YamlNode::Map(YamlPlace place, std::vector<Entry> entries) {
  auto data = std::make_shared<Data>();
  data->kind = Kind::kMap;
  data->place = std::move(place);
  for (const auto& [key, value] : entries) data->weight += key.weight() + value.weight();
  data->entries = std::move(entries);
  return YamlNode(std::move(data));
}

YamlNode::Kind YamlNode::kind() const { return data_ ? data_->kind : Kind::kUndefined; }

const std::string& YamlNode::Scalar() const {
  static const std::string kNone;
  return data_ ? data_->text : kNone;
}

const std::string& YamlNode::Shown() const { return has_reference() ? data_->written : Scalar(); }

bool YamlNode::has_reference() const { return data_ && !data_->written.empty(); }

bool YamlNode::quoted() const { return data_ && data_->quoted; }

const std::vector<YamlNode>& YamlNode::items() const {
  static const std::vector<YamlNode> kNone;
  return data_ ? data_->items : kNone;
}

const std::vector<YamlNode::Entry>& YamlNode::entries() const {
  static const std::vector<Entry> kNone;
  return data_ ? data_->entries : kNone;
}

YamlNode YamlNode::operator[](std::string_view key) const {
  for (const auto& [name, value] : entries()) {
    if (name.Scalar() == key) return value;
  }
  return {};
}

const YamlPlace& YamlNode::place() const {
  static const YamlPlace kNowhere;
  return data_ ? data_->place : kNowhere;
}

size_t YamlNode::weight() const { return data_ ? data_->weight : 0; }

nlohmann::json YamlToJson(const YamlNode& node) {
  if (node.IsScalar()) {
    return node.quoted() ? nlohmann::json(node.Scalar()) : PlainScalarToJson(node.Scalar());
  }
  if (node.IsList()) {
    auto list = nlohmann::json::array();
    for (const YamlNode& item : node.items()) list.push_back(YamlToJson(item));
    return list;
  }
  if (node.IsMap()) {
    auto object = nlohmann::json::object();
    for (const auto& [key, value] : node.entries()) object[key.Scalar()] = YamlToJson(value);
    return object;
  }
  return nullptr;
}

ConfigIssue IssueAt(const YamlPlace& place, std::string message) {
  return {place.file ? *place.file : std::filesystem::path(), place.line, place.column,
          std::move(message)};
}

}  // namespace darkroom
