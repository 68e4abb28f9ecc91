// SPDX-License-Identifier: Apache-2.0
//
// YamlReader takes typed values out of a YAML map and gathers what is wrong with them: wrong kinds,
// values out of range, keys that nobody asked for (with the nearest known one). It never stops at
// the first issue.
//
// Used on one thread, for the length of one load. What it reports to is the caller's and must
// outlive the reader.

#ifndef DARKROOM_CONFIG_YAML_READER_H_
#define DARKROOM_CONFIG_YAML_READER_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "config/load.h"
#include "config/yaml_node.h"

namespace darkroom {

class YamlReader {
 public:
  // Reads the map `node`; `where` names it in messages, such as "models.photo-enhance". A missing
  // node reads as an empty map.
  YamlReader(const YamlNode& node, std::string where, std::vector<ConfigIssue>* issues);

  // Each reads one key into `out`, which keeps its default when the key is absent or wrong.
  void String(const char* key, std::string* out);
  void Path(const char* key, std::filesystem::path* out);  // see Resolve
  void Bool(const char* key, bool* out);
  void Integer(const char* key, uint64_t least, uint64_t most, uint64_t* out);
  void Number(const char* key, double least, double most, double* out);
  void Duration(const char* key, std::chrono::milliseconds* out);
  void Size(const char* key, uint64_t* out);
  void Strings(const char* key, std::vector<std::string>* out);  // a list
  void Object(const char* key, nlohmann::json* out);
  void Choice(const char* key, const std::vector<std::string>& choices, std::string* out);

  // The node of a key, for lists and maps that the caller walks; undefined when absent.
  YamlNode Child(const char* key);

  void Require(const char* key);
  void Complain(const YamlNode& at, std::string message);

  // Call last: complains of keys that were never read, and of those given twice.
  void Finish();

  // A path that is a value of the configuration: relative ones are relative to the value's file.
  static std::filesystem::path Resolve(const YamlNode& at, const std::string& path);

  const std::string& where() const { return where_; }

 private:
  YamlNode Take(const char* key);
  std::string Name(const char* key) const;
  // Runs `read` on the key's scalar text; its non-OK status becomes an issue.
  void Scalar(const char* key, const std::function<Status(const std::string&)>& read);

  YamlNode node_;
  std::string where_;
  std::vector<ConfigIssue>* issues_;
  std::vector<std::string> known_;
};

}  // namespace darkroom

#endif  // DARKROOM_CONFIG_YAML_READER_H_
