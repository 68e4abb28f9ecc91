// SPDX-License-Identifier: Apache-2.0

#include "common/json_config.h"

#include <cmath>
#include <darkroom/plugin.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "common/python_json.h"

namespace darkroom {
namespace {

using Json = nlohmann::json;
using Pointer = Json::json_pointer;

// Written by transformers into every config, whatever the model. Dropout is for training. Whether
// embeddings are tied shows in the tensors that there are.
constexpr const char* kMeta[] = {
    "_attn_implementation_autoset",
    "_commit_hash",
    "_name_or_path",
    "architectures",
    "attention_dropout",
    "attention_probs_dropout_prob",
    "attn_pdrop",
    "chunk_size_feed_forward",
    "dropout",
    "dtype",
    "embd_pdrop",
    "finetuning_task",
    "gradient_checkpointing",
    "hidden_dropout_prob",
    "id2label",
    "initializer_factor",
    "initializer_range",
    "label2id",
    "model_type",
    "output_attentions",
    "output_hidden_states",
    "problem_type",
    "resid_pdrop",
    "return_dict",
    "task_specific_params",
    "tf_legacy_loss",
    "tie_word_embeddings",
    "tokenizer_class",
    "torch_dtype",
    "torchscript",
    "transformers_version",
    "use_bfloat16",
    "use_cache",
};

constexpr const char* kGeneration[] = {
    "bad_words_ids",
    "begin_suppress_tokens",
    "bos_token_id",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "eos_token_id",
    "exponential_decay_length_penalty",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "length_penalty",
    "max_length",
    "min_length",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_scores",
    "pad_token_id",
    "prefix",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict_in_generate",
    "sep_token_id",
    "suppress_tokens",
    "temperature",
    "top_k",
    "top_p",
    "typical_p",
};

bool IsEmpty(const Json& value) { return value.is_structured() && value.empty(); }

// A value for a message: cut when long.
std::string ValueText(const Json& value) {
  constexpr size_t kMost = 100;
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  return text.size() > kMost ? text.substr(0, kMost) + "..." : text;
}

// text_config.hidden_size, from a JSON pointer's form.
std::string Dotted(const std::string& pointer) {
  std::string text = pointer.empty() ? pointer : pointer.substr(1);
  for (char& c : text) c = c == '/' ? '.' : c;
  return text;
}

}  // namespace

struct JsonConfig::File {
  std::string where;
  Json root;
  std::set<std::string> read;  // JSON pointers; of an object: all that is in it
  std::set<std::string> sections;

  const Json* Find(const std::string& path) const {
    const Pointer pointer(path);
    if (!root.contains(pointer)) return nullptr;
    const Json& value = root.at(pointer);
    return value.is_null() ? nullptr : &value;
  }

  [[noreturn]] void Refuse(const std::string& path, const std::string& words) const {
    const Json* value = Find(path);
    throw Error(DR_FAILED_PRECONDITION, where + ": " + Dotted(path) + " is " +
                                            (value == nullptr ? "missing" : ValueText(*value)) +
                                            "; " + words);
  }

  // Marks the field as read. nullptr: absent.
  const Json* Take(const std::string& path) {
    read.insert(path);
    return Find(path);
  }

  const Json& Need(const std::string& path, const char* kind) {
    const Json* value = Take(path);
    if (value == nullptr) Refuse(path, std::string("it must be ") + kind);
    return *value;
  }

  // Collects what was not read under `value`, which lies at `path`.
  void CollectUnread(const Json& value, const std::string& path,
                     std::vector<std::string>* unread) const {
    for (const auto& [name, field] : value.items()) {
      const std::string place = (Pointer(path) / name).to_string();
      if (field.is_null() || IsEmpty(field) || read.contains(place)) continue;
      if (sections.contains(place)) {
        CollectUnread(field, place, unread);
      } else {
        unread->push_back(Dotted(place) + " (" + ValueText(field) + ")");
      }
    }
  }
};

JsonConfig JsonConfig::Read(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream)
    throw Error(DR_NOT_FOUND, "cannot open " + path + ": the folder of a model needs this file");
  std::string text(kMaxBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(stream.gcount()));
  if (text.size() > kMaxBytes)
    throw Error(DR_FAILED_PRECONDITION, path + ": more than " + std::to_string(kMaxBytes) +
                                            " bytes, too many for a config");
  return Parse(text, path);
}

JsonConfig JsonConfig::Parse(std::string_view text, const std::string& where) {
  auto file = std::make_shared<File>();
  file->where = where;
  file->root = Json::parse(WithoutInfinities(text), nullptr, false);
  if (!file->root.is_object())
    throw Error(
        DR_FAILED_PRECONDITION,
        where + ": " + (file->root.is_discarded() ? "not valid JSON" : "not a JSON object"));
  return {std::move(file), ""};
}

std::string JsonConfig::PathOf(const std::string& name) const {
  return (Pointer(path_) / name).to_string();
}

bool JsonConfig::Has(const std::string& name) const { return file_->Find(PathOf(name)) != nullptr; }

bool JsonConfig::IsText(const std::string& name) const {
  const Json* value = file_->Find(PathOf(name));
  return value != nullptr && value->is_string();
}

bool JsonConfig::IsNull(const std::string& name) const {
  const Pointer pointer(PathOf(name));
  return file_->root.contains(pointer) && file_->root.at(pointer).is_null();
}

bool JsonConfig::IsList(const std::string& name) const {
  const Json* value = file_->Find(PathOf(name));
  return value != nullptr && value->is_array();
}

std::vector<std::string> JsonConfig::Names() const {
  std::vector<std::string> names;
  const Json* here = file_->Find(path_);
  if (here == nullptr) return names;
  for (const auto& [name, value] : here->items())
    if (!value.is_null()) names.push_back(name);
  return names;
}

int64_t JsonConfig::Integer(const std::string& name) const {
  const std::string path = PathOf(name);
  const Json& value = file_->Need(path, "an integer");
  if (!value.is_number_integer()) file_->Refuse(path, "it must be an integer");
  return value.get<int64_t>();
}

int64_t JsonConfig::Integer(const std::string& name, int64_t otherwise) const {
  return file_->Take(PathOf(name)) == nullptr ? otherwise : Integer(name);
}

double JsonConfig::Number(const std::string& name) const {
  const std::string path = PathOf(name);
  const Json& value = file_->Need(path, "a number");
  if (!value.is_number() || !std::isfinite(value.get<double>()))
    file_->Refuse(path, "it must be a number");
  return value.get<double>();
}

double JsonConfig::Number(const std::string& name, double otherwise) const {
  return file_->Take(PathOf(name)) == nullptr ? otherwise : Number(name);
}

bool JsonConfig::Flag(const std::string& name, bool otherwise) const {
  const std::string path = PathOf(name);
  const Json* value = file_->Take(path);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) file_->Refuse(path, "it must be true or false");
  return value->get<bool>();
}

std::string JsonConfig::Text(const std::string& name) const {
  const std::string path = PathOf(name);
  const Json& value = file_->Need(path, "a text");
  if (!value.is_string()) file_->Refuse(path, "it must be a text");
  return value.get<std::string>();
}

std::string JsonConfig::Text(const std::string& name, const std::string& otherwise) const {
  return file_->Take(PathOf(name)) == nullptr ? otherwise : Text(name);
}

std::vector<double> JsonConfig::Numbers(const std::string& name,
                                        const std::vector<double>& otherwise) const {
  const std::string path = PathOf(name);
  const Json* list = file_->Take(path);
  if (list == nullptr) return otherwise;
  if (!list->is_array()) file_->Refuse(path, "it must be a list of numbers");
  std::vector<double> values;
  for (const Json& value : *list) {
    if (!value.is_number()) file_->Refuse(path, "it must be a list of numbers");
    values.push_back(value.get<double>());
  }
  return values;
}

std::vector<int64_t> JsonConfig::Integers(const std::string& name,
                                          const std::vector<int64_t>& otherwise) const {
  const std::string path = PathOf(name);
  const Json* list = file_->Take(path);
  if (list == nullptr) return otherwise;
  if (!list->is_array()) file_->Refuse(path, "it must be a list of integers");
  std::vector<int64_t> values;
  for (const Json& value : *list) {
    if (!value.is_number_integer()) file_->Refuse(path, "it must be a list of integers");
    values.push_back(value.get<int64_t>());
  }
  return values;
}

std::vector<std::vector<int64_t>> JsonConfig::IntegerLists(const std::string& name) const {
  const std::string path = PathOf(name);
  const Json* list = file_->Take(path);
  if (list == nullptr) return {};
  if (!list->is_array()) file_->Refuse(path, "it must be a list");
  std::vector<std::vector<int64_t>> values;
  for (const Json& element : *list) {
    const Json inner = element.is_array() ? element : Json::array({element});
    for (const Json& value : inner)
      if (!value.is_number_integer())
        file_->Refuse(path, "it must be a list of integers, or of lists of them");
    values.push_back(inner.get<std::vector<int64_t>>());
  }
  return values;
}

std::vector<std::string> JsonConfig::Texts(const std::string& name) const {
  const std::string path = PathOf(name);
  const Json* list = file_->Take(path);
  if (list == nullptr) return {};
  if (!list->is_array()) file_->Refuse(path, "it must be a list of texts");
  std::vector<std::string> values;
  for (const Json& value : *list) {
    if (!value.is_string()) file_->Refuse(path, "it must be a list of texts");
    values.push_back(value.get<std::string>());
  }
  return values;
}

int64_t JsonConfig::Size(const std::string& name, int64_t otherwise, int64_t most) const {
  const int64_t value = Integer(name, otherwise);
  if (value < 1 || value > most)
    Refuse(name, "it must be an integer from 1 to " + std::to_string(most));
  return value;
}

JsonConfig JsonConfig::Section(const std::string& name) const {
  const std::string path = PathOf(name);
  const Json* value = file_->Find(path);
  if (value != nullptr && !value->is_object()) file_->Refuse(path, "it must be an object");
  file_->sections.insert(path);
  return {file_, path};
}

std::vector<JsonConfig> JsonConfig::List(const std::string& name) const {
  const std::string path = PathOf(name);
  const Json* list = file_->Find(path);
  file_->sections.insert(path);
  if (list == nullptr) return {};
  if (!list->is_array()) file_->Refuse(path, "it must be a list of objects");
  const JsonConfig here(file_, path);
  std::vector<JsonConfig> sections;
  for (size_t i = 0; i < list->size(); ++i) sections.push_back(here.Section(std::to_string(i)));
  return sections;
}

bool JsonConfig::HasSection(const std::string& name) const {
  const Json* value = file_->Find(PathOf(name));
  return value != nullptr && value->is_object();
}

void JsonConfig::Only(const std::string& name, bool value) const {
  if (Flag(name, value) != value)
    Refuse(name, std::string("only ") + (value ? "true" : "false") + " is implemented");
}

void JsonConfig::Only(const std::string& name, int64_t value) const {
  if (Integer(name, value) != value)
    Refuse(name, "only " + std::to_string(value) + " is implemented");
}

void JsonConfig::Only(const std::string& name, const std::string& value) const {
  if (Text(name, value) != value) Refuse(name, "only \"" + value + "\" is implemented");
}

void JsonConfig::Ignore(std::initializer_list<const char*> names) const {
  for (const char* name : names) file_->read.insert(PathOf(name));
}

void JsonConfig::IgnoreMeta() const {
  for (const char* name : kMeta) file_->read.insert(PathOf(name));
  // These change what is computed, and are in older files only because all fields were written.
  for (const char* name :
       {"add_cross_attention", "is_decoder", "is_encoder_decoder", "tie_encoder_decoder"})
    if (!file_->read.contains(PathOf(name))) Only(name, false);
  for (const JsonConfig& section : TakenSections()) section.IgnoreMeta();
}

void JsonConfig::IgnoreGeneration() const {
  for (const char* name : kGeneration) file_->read.insert(PathOf(name));
  for (const JsonConfig& section : TakenSections()) section.IgnoreGeneration();
}

std::vector<JsonConfig> JsonConfig::TakenSections() const {
  std::vector<JsonConfig> sections;
  for (const std::string& path : file_->sections)
    if (Pointer(path).parent_pointer().to_string() == path_ && file_->Find(path) != nullptr)
      sections.push_back({file_, path});
  return sections;
}

JsonConfig JsonConfig::Without(const std::function<bool(const std::string&)>& left_out) const {
  auto file = std::make_shared<File>();
  file->where = file_->where;
  file->root = Json::object();
  const Json* here = file_->Find(path_);
  if (here != nullptr)
    for (const auto& [name, value] : here->items())
      if (!left_out(name)) file->root[name] = value;
  return {std::move(file), ""};
}

void JsonConfig::CheckAllRead() const {
  constexpr size_t kMostNamed = 5;
  std::vector<std::string> unread;
  const Json* here = file_->Find(path_);
  if (here != nullptr) file_->CollectUnread(*here, path_, &unread);
  if (unread.empty()) return;
  std::string names;
  for (size_t i = 0; i < unread.size() && i < kMostNamed; ++i)
    names += (i == 0 ? "" : ", ") + unread[i];
  if (unread.size() > kMostNamed) names += ", ...";
  throw Error(DR_FAILED_PRECONDITION,
              file_->where + ": not implemented: " + names +
                  "; a result without it could be another one than the model's");
}

void JsonConfig::Refuse(const std::string& name, const std::string& words) const {
  file_->Refuse(PathOf(name), words);
}

const std::string& JsonConfig::where() const { return file_->where; }

}  // namespace darkroom
