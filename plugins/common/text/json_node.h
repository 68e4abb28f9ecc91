// SPDX-License-Identifier: Apache-2.0
//
// JsonNode is a value of a JSON file that remembers where it stands, so that whoever refuses it can
// say so: "tokenizer.json: field 'model.dropout' is 0.1, only null is implemented".
//
// One thread. A node refers to the value and lives no longer. All that throws throws Error
// (DR_FAILED_PRECONDITION).

#ifndef DARKROOM_PLUGINS_COMMON_TEXT_JSON_NODE_H_
#define DARKROOM_PLUGINS_COMMON_TEXT_JSON_NODE_H_

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>

namespace darkroom {

class JsonNode {
 public:
  // `file` as it is to be named in messages.
  JsonNode(const nlohmann::json& value, std::string file)
      : value_(&value), file_(std::move(file)) {}

  // A member of an object, an element of an array; null where there is none.
  JsonNode operator[](const char* name) const;
  JsonNode operator[](size_t index) const;

  const nlohmann::json& value() const { return *value_; }
  bool is_null() const { return value_->is_null(); }
  size_t size() const { return value_->size(); }

  // Checks; each gives the node back. `fields`: refuses an object with any other.
  const JsonNode& OnlyFields(std::initializer_list<const char*> fields) const;
  const JsonNode& Only(std::initializer_list<nlohmann::json> values) const;

  const nlohmann::json& Object() const;
  const nlohmann::json& Array() const;
  std::string Text() const;
  int64_t Integer() const;
  bool Flag(bool otherwise) const;  // `otherwise`: for null

  // `what` continues the sentence "FILE: field 'NAME' ...".
  [[noreturn]] void Refuse(const std::string& what) const;

 private:
  JsonNode(const nlohmann::json* value, const JsonNode& parent, const std::string& name);

  const nlohmann::json* value_;
  std::string file_;
  std::string name_;
};

// The text of a file of at most `most` bytes. Throws Error: DR_NOT_FOUND when there is none,
// DR_FAILED_PRECONDITION when it cannot be read or is larger.
std::string ReadTextFile(const std::string& path, uint64_t most);

// A JSON file. Throws what ReadTextFile throws, and DR_FAILED_PRECONDITION when it is no JSON.
nlohmann::json ReadJsonFile(const std::string& path, uint64_t most);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_TEXT_JSON_NODE_H_
