// SPDX-License-Identifier: Apache-2.0

#include "common/text/tokenizer_settings.h"

#include <filesystem>
#include <string_view>
#include <utility>

#include "common/text/tokenizer_files.h"

namespace darkroom {
namespace {

using Json = nlohmann::json;

constexpr const char* kRoles[] = {"unk_token", "bos_token", "eos_token", "pad_token",
                                  "sep_token", "cls_token", "mask_token"};

std::string In(const std::string& folder, const char* name) {
  return (std::filesystem::path(folder) / name).string();
}

Json ReadOptional(const std::string& folder, const char* name) {
  if (!std::filesystem::exists(In(folder, name))) return Json::object();
  return ReadJsonFile(In(folder, name), kMaxTokenizerFileBytes);
}

// Gemma's and SigLIP2's fill texts up at their beginning unless they are told otherwise.
bool PadsBeforeByItself(const std::string& name) {
  return name == "GemmaTokenizer" || name == "Siglip2Tokenizer";
}

}  // namespace

TokenizerSettings::TokenizerSettings(const std::string& folder)
    : folder_(folder),
      config_(ReadOptional(folder, "tokenizer_config.json")),
      map_(ReadOptional(folder, "special_tokens_map.json")),
      added_(ReadOptional(folder, "added_tokens.json")) {}

JsonNode TokenizerSettings::Node(const Json& json, const char* name) const {
  return {json, In(folder_, name)};
}

std::string TokenizerSettings::Class() const {
  const JsonNode node = config("tokenizer_class");
  std::string name = node.is_null() ? "" : node.Text();
  constexpr std::string_view kFast = "Fast";
  if (name.ends_with(kFast)) name.resize(name.size() - kFast.size());
  return name;
}

std::optional<std::string> TokenizerSettings::Role(const char* role,
                                                   std::optional<std::string> otherwise) const {
  for (const JsonNode& node : {config(role), Node(map_, "special_tokens_map.json")[role]}) {
    if (node.is_null()) continue;
    return node.value().is_object() ? node["content"].Text() : node.Text();
  }
  return otherwise;
}

void TokenizerSettings::AddTokens(const std::set<std::string>& roles, bool may_strip,
                                  TokenizerParts* parts) const {
  const JsonNode decoder = config("added_tokens_decoder");
  std::set<std::string> seen;
  const auto add = [&](const std::string& content, int64_t id, bool special, bool normalized) {
    parts->vocabulary.Add(content, id);
    if (seen.insert(content).second) parts->added.push_back({content, id, special, normalized});
  };
  if (!decoder.is_null()) {
    for (const auto& [id, value] : decoder.Object().items()) {
      const JsonNode token = decoder[id.c_str()];
      token["single_word"].Only({Json(nullptr), Json(false)});
      if (!may_strip)
        for (const char* field : {"lstrip", "rstrip"})
          token[field].Only({Json(nullptr), Json(false)});
      if (id.empty() || id.size() > 9 || id.find_first_not_of("0123456789") != std::string::npos)
        token.Refuse("has no number for its name");
      add(token["content"].Text(), std::stoll(id), token["special"].Flag(false),
          token["normalized"].Flag(false));
    }
  }
  const JsonNode added = Node(added_, "added_tokens.json");
  for (const auto& [content, id] : added.Object().items())
    add(content, added[content.c_str()].Integer(), false, true);
  std::set<std::string> special = roles;
  for (const char* role : kRoles)
    if (const auto token = Role(role, std::nullopt)) special.insert(*token);
  for (const std::string& token : special)
    if (const auto id = parts->vocabulary.Find(token)) add(token, *id, true, false);
}

void TokenizerSettings::ReadPadding(std::optional<std::string> otherwise,
                                    TokenizerParts* parts) const {
  if (const auto token = Role("pad_token", std::move(otherwise)))
    parts->pad = parts->vocabulary.Find(*token);
  const JsonNode side = config("padding_side").Only({Json(nullptr), Json("right"), Json("left")});
  parts->pads_before = side.is_null() ? PadsBeforeByItself(Class()) : side.value() == "left";
}

}  // namespace darkroom
