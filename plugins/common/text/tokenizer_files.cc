// SPDX-License-Identifier: Apache-2.0

#include "common/text/tokenizer_files.h"

#include <darkroom/plugin.hpp>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "common/quoted.h"
#include "common/text/clip_tokenizer.h"
#include "common/text/gpt2_tokenizer.h"
#include "common/text/json_node.h"
#include "common/text/tokenizer_json.h"
#include "common/text/word_piece_tokenizer.h"

namespace darkroom {
namespace {

using Json = nlohmann::json;

constexpr const char* kRoles[] = {"unk_token", "bos_token", "eos_token", "pad_token",
                                  "sep_token", "cls_token", "mask_token"};

std::string In(const std::string& folder, const char* name) {
  return (std::filesystem::path(folder) / name).string();
}

bool Has(const std::string& folder, const char* name) {
  return std::filesystem::exists(In(folder, name));
}

Json ReadOptional(const std::string& folder, const char* name) {
  if (!Has(folder, name)) return Json::object();
  return ReadJsonFile(In(folder, name), kMaxTokenizerFileBytes);
}

// The lines of a text file; a last one without its end counts too.
template <typename OnLine>
void ForEachLine(std::string_view text, const OnLine& on_line) {
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    on_line(line, number);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

BytePair::Merges ReadMerges(const std::string& path) {
  BytePair::Merges merges;
  ForEachLine(
      ReadTextFile(path, kMaxTokenizerFileBytes), [&](std::string_view line, size_t number) {
        if (line.empty() || line.starts_with("#version")) return;
        const size_t space = line.find(' ');
        if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos)
          throw Error(DR_FAILED_PRECONDITION, path + ": line " + std::to_string(number) + ", " +
                                                  Quoted(line) + ", is no pair of tokens");
        merges.emplace_back(line.substr(0, space), line.substr(space + 1));
      });
  return merges;
}

// The older files beside a vocabulary: which tokens have which role, and which are added.
class OldFolder {
 public:
  explicit OldFolder(const std::string& folder)
      : folder_(folder),
        config_(ReadOptional(folder, "tokenizer_config.json")),
        map_(ReadOptional(folder, "special_tokens_map.json")),
        added_(ReadOptional(folder, "added_tokens.json")) {}

  JsonNode config(const char* field) const { return Node(config_, "tokenizer_config.json")[field]; }

  // The token that has this role; `otherwise` is what this kind of tokenizer has.
  std::optional<std::string> Role(const char* role, std::optional<std::string> otherwise) const {
    for (const JsonNode& node : {config(role), Node(map_, "special_tokens_map.json")[role]}) {
      if (node.is_null()) continue;
      return node.value().is_object() ? node["content"].Text() : node.Text();
    }
    return otherwise;
  }

  // Adds to `parts` what was added to the vocabulary, and every token with a role, as a special
  // one. `roles`: those that this kind has without being told.
  void AddTokens(const std::set<std::string>& roles, TokenizerParts* parts) const {
    const JsonNode decoder = config("added_tokens_decoder");
    std::set<std::string> seen;
    const auto add = [&](const std::string& content, int64_t id, bool special, bool normalized) {
      parts->vocabulary.Add(content, id);
      if (seen.insert(content).second) parts->added.push_back({content, id, special, normalized});
    };
    if (!decoder.is_null()) {
      for (const auto& [id, value] : decoder.Object().items()) {
        const JsonNode token = decoder[id.c_str()];
        for (const char* field : {"single_word", "lstrip", "rstrip"})
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

 private:
  JsonNode Node(const Json& json, const char* name) const { return {json, In(folder_, name)}; }

  std::string folder_;
  Json config_;
  Json map_;
  Json added_;
};

int64_t IdOf(const Vocabulary& vocabulary, const std::string& token, const std::string& path) {
  const auto id = vocabulary.Find(token);
  if (!id.has_value())
    throw Error(DR_FAILED_PRECONDITION, path + ": the token " + Quoted(token) + " is missing");
  return *id;
}

std::unique_ptr<Tokenizer> OpenBytePair(const std::string& folder) {
  const OldFolder old(folder);
  const std::string path = In(folder, "vocab.json");
  const Json json = ReadJsonFile(path, kMaxTokenizerFileBytes);
  const JsonNode node(json, path);
  TokenizerParts parts;
  for (const auto& [token, id] : node.Object().items()) {
    if (!id.is_number_integer()) node[token.c_str()].Refuse("is no integer");
    parts.vocabulary.Add(token, id.get<int64_t>());
  }
  const BytePair::Merges merges = ReadMerges(In(folder, "merges.txt"));

  constexpr const char* kEnd = "<|endoftext|>";
  const std::string start = "<|startoftext|>";
  if (parts.vocabulary.Find(start).has_value()) {
    const std::string bos = *old.Role("bos_token", start);
    const std::string eos = *old.Role("eos_token", kEnd);
    old.AddTokens({bos, eos}, &parts);
    parts.before = {IdOf(parts.vocabulary, bos, path)};
    parts.after = {IdOf(parts.vocabulary, eos, path)};
    const int64_t unknown = IdOf(parts.vocabulary, *old.Role("unk_token", kEnd), path);
    return std::make_unique<ClipTokenizer>(std::move(parts), merges, unknown);
  }
  old.AddTokens({*old.Role("bos_token", kEnd), *old.Role("eos_token", kEnd)}, &parts);
  old.config("add_bos_token").Only({Json(nullptr), Json(false)});
  const bool space_before = old.config("add_prefix_space").Flag(false);
  return std::make_unique<Gpt2Tokenizer>(std::move(parts), merges, std::nullopt, space_before);
}

std::unique_ptr<Tokenizer> OpenWordPiece(const std::string& folder) {
  const OldFolder old(folder);
  const std::string path = In(folder, "vocab.txt");
  TokenizerParts parts;
  ForEachLine(ReadTextFile(path, kMaxTokenizerFileBytes),
              [&](std::string_view line, size_t number) {
                parts.vocabulary.Add(line, static_cast<int64_t>(number) - 1);
              });
  const std::string unknown = *old.Role("unk_token", "[UNK]");
  const std::string cls = *old.Role("cls_token", "[CLS]");
  const std::string sep = *old.Role("sep_token", "[SEP]");
  old.AddTokens(
      {unknown, cls, sep, *old.Role("pad_token", "[PAD]"), *old.Role("mask_token", "[MASK]")},
      &parts);
  parts.before = {IdOf(parts.vocabulary, cls, path)};
  parts.after = {IdOf(parts.vocabulary, sep, path)};
  WordPieceOptions options;
  options.unknown = IdOf(parts.vocabulary, unknown, path);
  options.lowercase = old.config("do_lower_case").Flag(true);
  options.split_chinese = old.config("tokenize_chinese_chars").Flag(true);
  options.strip_accents = old.config("strip_accents").Flag(options.lowercase);
  options.clean_result = old.config("clean_up_tokenization_spaces").Flag(false);
  return std::make_unique<WordPieceTokenizer>(std::move(parts), options);
}

}  // namespace

std::unique_ptr<Tokenizer> OpenTokenizer(const std::string& folder) {
  if (Has(folder, "tokenizer.json")) {
    const std::string path = In(folder, "tokenizer.json");
    const Json json = ReadJsonFile(path, kMaxTokenizerFileBytes);
    const Json config = ReadOptional(folder, "tokenizer_config.json");
    const JsonNode clean =
        JsonNode(config, In(folder, "tokenizer_config.json"))["clean_up_tokenization_spaces"];
    return ParseTokenizerJson(JsonNode(json, path), clean.Flag(false));
  }
  if (Has(folder, "vocab.json") && Has(folder, "merges.txt")) return OpenBytePair(folder);
  if (Has(folder, "vocab.txt")) return OpenWordPiece(folder);
  throw Error(DR_NOT_FOUND, folder +
                                ": has no tokenizer: expected tokenizer.json, or vocab.json with "
                                "merges.txt, or vocab.txt");
}

std::optional<std::string> PadTokenOf(const std::string& folder) {
  return OldFolder(folder).Role("pad_token", std::nullopt);
}

}  // namespace darkroom
