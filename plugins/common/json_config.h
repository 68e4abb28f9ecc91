// SPDX-License-Identifier: Apache-2.0
//
// JsonConfig reads a model's config.json (or any file of its kind) field by field, and remembers
// which fields were read, so that CheckAllRead can refuse by name what nobody implements rather
// than compute something else than the file says.
//
//   JsonConfig config = JsonConfig::Read(folder + "/config.json");
//   JsonConfig vision = config.Section("vision_config");
//   const int64_t width = vision.Integer("hidden_size", 768);  // absent or null: the default
//   vision.Only("num_channels", int64_t{3});                   // any other value is refused
//   config.IgnoreMeta();
//   config.CheckAllRead();
//
// A field that is null counts as absent. Every failure is an Error (DR_FAILED_PRECONDITION) with
// the file, the field's whole path and its value; a file that is not there is DR_NOT_FOUND.
//
// Copies and sections share one record of what was read. One thread.

#ifndef DARKROOM_PLUGINS_COMMON_JSON_CONFIG_H_
#define DARKROOM_PLUGINS_COMMON_JSON_CONFIG_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace darkroom {

class JsonConfig {
 public:
  // No config of a real model comes near this.
  static constexpr uint64_t kMaxBytes = 4 << 20;

  static JsonConfig Read(const std::string& path);
  // `where` takes the file's place in messages.
  static JsonConfig Parse(std::string_view text, const std::string& where);

  // Whether the field is there and not null; and a text; and a list. Does not count as reading it.
  bool Has(const std::string& name) const;
  bool IsText(const std::string& name) const;
  bool IsList(const std::string& name) const;
  // Whether it is there and null, for the few where that is not as if it were absent.
  bool IsNull(const std::string& name) const;
  // The fields that are there, by name.
  std::vector<std::string> Names() const;

  // Without a default the field must be there.
  int64_t Integer(const std::string& name) const;
  int64_t Integer(const std::string& name, int64_t otherwise) const;
  double Number(const std::string& name) const;
  double Number(const std::string& name, double otherwise) const;
  bool Flag(const std::string& name, bool otherwise) const;
  std::string Text(const std::string& name) const;
  std::string Text(const std::string& name, const std::string& otherwise) const;
  std::vector<double> Numbers(const std::string& name, const std::vector<double>& otherwise) const;
  std::vector<int64_t> Integers(const std::string& name,
                                const std::vector<int64_t>& otherwise) const;
  // A list of integers and of lists of them: an integer is a list of one. Absent: none.
  std::vector<std::vector<int64_t>> IntegerLists(const std::string& name) const;
  std::vector<std::string> Texts(const std::string& name) const;

  // A size such as hidden_size: an integer from 1 to `most`.
  int64_t Size(const std::string& name, int64_t otherwise, int64_t most = 1 << 20) const;

  // The object under `name`; absent, an empty one. Its fields count for the whole file's check.
  JsonConfig Section(const std::string& name) const;
  // The objects of the list under `name`; absent, none.
  std::vector<JsonConfig> List(const std::string& name) const;
  // Whether the field is there and an object.
  bool HasSection(const std::string& name) const;

  // Refuses the field unless it is absent or has this value: for what is not implemented.
  void Only(const std::string& name, bool value) const;
  void Only(const std::string& name, int64_t value) const;
  void Only(const std::string& name, const std::string& value) const;

  // These fields, with all that is in them, change nothing that is computed here.
  void Ignore(std::initializer_list<const char*> names) const;
  // The same of what the library that writes these files puts into each of them: its version, the
  // dtype of the weights, labels, training's and logging's settings. In sections too, if they are
  // taken first.
  void IgnoreMeta() const;
  // The same of the settings of text generation, for models that generate none, or that take them
  // from elsewhere.
  void IgnoreGeneration() const;

  // A copy, with a record of its own of what was read, without the fields whose names `left_out`
  // says: for a file that holds settings for several readers.
  JsonConfig Without(const std::function<bool(const std::string&)>& left_out) const;

  // Call last: refuses fields of the file, or of this section alone, that were neither read nor
  // ignored, by name.
  void CheckAllRead() const;

  // Refuses the field by name: "FILE: PATH is VALUE; WORDS".
  [[noreturn]] void Refuse(const std::string& name, const std::string& words) const;

  const std::string& where() const;

 private:
  struct File;

  JsonConfig(std::shared_ptr<File> file, std::string path)
      : file_(std::move(file)), path_(std::move(path)) {}

  std::string PathOf(const std::string& name) const;
  std::vector<JsonConfig> TakenSections() const;

  std::shared_ptr<File> file_;
  std::string path_;  // of this section, as a JSON pointer; empty for the whole file
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_JSON_CONFIG_H_
