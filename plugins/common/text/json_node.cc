// SPDX-License-Identifier: Apache-2.0

#include "common/text/json_node.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <darkroom/plugin.hpp>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "common/quoted.h"

namespace darkroom {
namespace {

using Json = nlohmann::json;

const Json kNull;

std::string ShortText(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  return Quoted(value.dump(-1, ' ', true, Json::error_handler_t::replace));
}

}  // namespace

JsonNode::JsonNode(const Json* value, const JsonNode& parent, const std::string& name)
    : value_(value), file_(parent.file_), name_(name) {
  if (!parent.name_.empty()) name_ = parent.name_ + (name.front() == '[' ? "" : ".") + name;
}

JsonNode JsonNode::operator[](const char* name) const {
  if (!value_->is_object()) return {&kNull, *this, name};
  const auto at = value_->find(name);
  return {at == value_->end() ? &kNull : &*at, *this, name};
}

JsonNode JsonNode::operator[](size_t index) const {
  const bool there = value_->is_array() && index < value_->size();
  return {there ? &(*value_)[index] : &kNull, *this, "[" + std::to_string(index) + "]"};
}

const JsonNode& JsonNode::OnlyFields(std::initializer_list<const char*> fields) const {
  for (const auto& [name, value] : Object().items()) {
    const bool known =
        std::any_of(fields.begin(), fields.end(), [&](const char* field) { return name == field; });
    if (!known) (*this)[name.c_str()].Refuse("is not known here");
  }
  return *this;
}

const JsonNode& JsonNode::Only(std::initializer_list<Json> values) const {
  std::string list;
  for (const Json& value : values) {
    if (*value_ == value) return *this;
    list += (list.empty() ? "" : " and ") + value.dump();
  }
  Refuse("is " + ShortText(*value_) + ", only " + list +
         (values.size() == 1 ? " is implemented" : " are implemented"));
}

const Json& JsonNode::Object() const {
  if (!value_->is_object()) Refuse("is " + ShortText(*value_) + ", expected an object");
  return *value_;
}

const Json& JsonNode::Array() const {
  if (!value_->is_array()) Refuse("is " + ShortText(*value_) + ", expected a list");
  return *value_;
}

std::string JsonNode::Text() const {
  if (!value_->is_string()) Refuse("is " + ShortText(*value_) + ", expected a text");
  return value_->get<std::string>();
}

int64_t JsonNode::Integer() const {
  if (!value_->is_number_integer()) Refuse("is " + ShortText(*value_) + ", expected an integer");
  return value_->get<int64_t>();
}

bool JsonNode::Flag(bool otherwise) const {
  if (value_->is_null()) return otherwise;
  if (!value_->is_boolean()) Refuse("is " + ShortText(*value_) + ", expected true or false");
  return value_->get<bool>();
}

void JsonNode::Refuse(const std::string& what) const {
  throw Error(DR_FAILED_PRECONDITION,
              file_ + ": " + (name_.empty() ? "its content " : "field '" + name_ + "' ") + what);
}

std::string ReadTextFile(const std::string& path, uint64_t most) {
  std::error_code failed;
  const auto size = std::filesystem::file_size(path, failed);
  if (failed)
    throw Error(
        failed == std::errc::no_such_file_or_directory ? DR_NOT_FOUND : DR_FAILED_PRECONDITION,
        path + ": " + failed.message());
  if (size > most)
    throw Error(DR_FAILED_PRECONDITION, path + ": has " + std::to_string(size) +
                                            " bytes, at most " + std::to_string(most) +
                                            " are read");
  std::string text(size, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(text.data(), static_cast<std::streamsize>(size));
  if (!file) throw Error(DR_FAILED_PRECONDITION, path + ": cannot be read");
  return text;
}

Json ReadJsonFile(const std::string& path, uint64_t most) {
  Json json = Json::parse(ReadTextFile(path, most), nullptr, false);
  if (json.is_discarded()) throw Error(DR_FAILED_PRECONDITION, path + ": is no JSON");
  return json;
}

}  // namespace darkroom
