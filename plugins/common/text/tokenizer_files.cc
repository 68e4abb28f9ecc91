// SPDX-License-Identifier: Apache-2.0

#include "common/text/tokenizer_files.h"

#include <darkroom/plugin.hpp>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "common/quoted.h"
#include "common/text/clip_tokenizer.h"
#include "common/text/gpt2_tokenizer.h"
#include "common/text/json_node.h"
#include "common/text/sentence_piece.h"
#include "common/text/siglip_tokenizer.h"
#include "common/text/tokenizer_json.h"
#include "common/text/tokenizer_settings.h"
#include "common/text/word_piece_tokenizer.h"

namespace darkroom {
namespace {

using Json = nlohmann::json;

constexpr const char* kSentencePieceFile = "spiece.model";

std::string In(const std::string& folder, const char* name) {
  return (std::filesystem::path(folder) / name).string();
}

bool Has(const std::string& folder, const char* name) {
  return std::filesystem::exists(In(folder, name));
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

int64_t IdOf(const Vocabulary& vocabulary, const std::string& token, const std::string& path) {
  const auto id = vocabulary.Find(token);
  if (!id.has_value())
    throw Error(DR_FAILED_PRECONDITION, path + ": the token " + Quoted(token) + " is missing");
  return *id;
}

std::unique_ptr<Tokenizer> OpenBytePair(const std::string& folder, const TokenizerSettings& old) {
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
    old.AddTokens({bos, eos}, false, &parts);
    parts.before = {IdOf(parts.vocabulary, bos, path)};
    parts.after = {IdOf(parts.vocabulary, eos, path)};
    const int64_t unknown = IdOf(parts.vocabulary, *old.Role("unk_token", kEnd), path);
    return std::make_unique<ClipTokenizer>(std::move(parts), merges, unknown);
  }
  old.AddTokens({*old.Role("bos_token", kEnd), *old.Role("eos_token", kEnd)}, false, &parts);
  old.config("add_bos_token").Only({Json(nullptr), Json(false)});
  const bool space_before = old.config("add_prefix_space").Flag(false);
  return std::make_unique<Gpt2Tokenizer>(std::move(parts), merges, std::nullopt, space_before);
}

std::unique_ptr<Tokenizer> OpenWordPiece(const std::string& folder, const TokenizerSettings& old) {
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
      false, &parts);
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

std::unique_ptr<Tokenizer> OpenSiglip(const std::string& folder,
                                      const TokenizerSettings& settings) {
  const std::string path = In(folder, kSentencePieceFile);
  SentencePiece model(path);
  TokenizerParts parts;
  for (int64_t id = 0; id < model.size(); ++id) parts.vocabulary.Add(model.PieceOf(id), id);
  const std::string unknown = *settings.Role("unk_token", "<unk>");
  const std::string eos = *settings.Role("eos_token", "</s>");
  const std::string pad = *settings.Role("pad_token", "</s>");
  settings.AddTokens({unknown, eos, pad}, true, &parts);
  for (AddedToken& token : parts.added) {
    // The reference looks for them all in the raw text, and for some of them in lower case.
    if (!token.special)
      settings.config("added_tokens_decoder").Refuse("has a token that is not special");
    token.normalized = false;
  }
  for (const char* field : {"additional_special_tokens", "extra_special_tokens", "sp_model_kwargs"})
    settings.config(field).Only({Json(nullptr), Json::array(), Json::object()});
  settings.config("legacy").Only({Json(nullptr), Json(true)});
  settings.config("split_special_tokens").Only({Json(nullptr), Json(false)});
  settings.config("truncation_side").Only({Json(nullptr), Json("right")});
  settings.ReadPadding(pad, &parts);
  IdOf(parts.vocabulary, unknown, path);
  IdOf(parts.vocabulary, pad, path);
  parts.after = {IdOf(parts.vocabulary, eos, path)};
  parts.after_once = true;
  return std::make_unique<SiglipTokenizer>(std::move(parts), std::move(model), unknown,
                                           settings.config("do_lower_case").Flag(true));
}

}  // namespace

std::unique_ptr<Tokenizer> OpenTokenizer(const std::string& folder) {
  const TokenizerSettings settings(folder);
  // Some folders have a tokenizer.json beside it, made by others, which cuts some texts otherwise.
  if (settings.Class() == "SiglipTokenizer") return OpenSiglip(folder, settings);
  if (Has(folder, "tokenizer.json")) {
    const std::string path = In(folder, "tokenizer.json");
    const Json json = ReadJsonFile(path, kMaxTokenizerFileBytes);
    return ParseTokenizerJson(JsonNode(json, path), settings);
  }
  if (Has(folder, "vocab.json") && Has(folder, "merges.txt")) return OpenBytePair(folder, settings);
  if (Has(folder, "vocab.txt")) return OpenWordPiece(folder, settings);
  throw Error(DR_NOT_FOUND, folder +
                                ": has no tokenizer: expected tokenizer.json, or vocab.json with "
                                "merges.txt, or vocab.txt, or spiece.model with a "
                                "tokenizer_config.json that names SiglipTokenizer");
}

std::optional<std::string> PadTokenOf(const std::string& folder) {
  return TokenizerSettings(folder).Role("pad_token", std::nullopt);
}

}  // namespace darkroom
