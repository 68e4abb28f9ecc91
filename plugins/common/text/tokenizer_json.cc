// SPDX-License-Identifier: Apache-2.0

#include "common/text/tokenizer_json.h"

#include <darkroom/plugin.hpp>
#include <optional>
#include <string>
#include <utility>

#include "common/text/clip_tokenizer.h"
#include "common/text/gemma_tokenizer.h"
#include "common/text/gpt2_tokenizer.h"
#include "common/text/word_piece_tokenizer.h"

namespace darkroom {
namespace {

using Json = nlohmann::json;

constexpr const char* kClipWords = R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)";
constexpr const char* kClipWordsAndSpecial =
    R"(<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)";

constexpr const char* kSpaceMark = "\u2581";

void ReadVocabulary(const JsonNode& node, Vocabulary* vocabulary) {
  for (const auto& [token, id] : node.Object().items()) {
    if (!id.is_number_integer()) node[token.c_str()].Refuse("is no integer");
    vocabulary->Add(token, id.get<int64_t>());
  }
}

void ReadAddedTokens(const JsonNode& node, TokenizerParts* parts) {
  if (node.is_null()) return;
  for (size_t at = 0; at < node.Array().size(); ++at) {
    const JsonNode one = node[at];
    one.OnlyFields({"id", "content", "special", "normalized", "single_word", "lstrip", "rstrip"});
    for (const char* field : {"single_word", "lstrip", "rstrip"})
      one[field].Only({Json(nullptr), Json(false)});
    AddedToken token{one["content"].Text(), one["id"].Integer(), one["special"].Flag(false),
                     one["normalized"].Flag(false)};
    if (token.content.empty()) one["content"].Refuse("is empty");
    parts->vocabulary.Add(token.content, token.id);
    parts->added.push_back(std::move(token));
  }
}

int64_t IdOf(const JsonNode& node, const Vocabulary& vocabulary) {
  const auto id = vocabulary.Find(node.Text());
  if (!id.has_value()) node.Refuse("names a token that the vocabulary does not have");
  return *id;
}

// A "post_processor" that puts tokens before and after a text.
void ReadFrame(const JsonNode& node, TokenizerParts* parts) {
  const std::string type = node.is_null() ? "" : node["type"].Text();
  if (type.empty() || type == "ByteLevel") return;
  if (type == "RobertaProcessing" || type == "BertProcessing") {
    node.OnlyFields({"type", "sep", "cls", "trim_offsets", "add_prefix_space"});
    parts->before = {IdOf(node["cls"][size_t{0}], parts->vocabulary)};
    parts->after = {IdOf(node["sep"][size_t{0}], parts->vocabulary)};
    return;
  }
  node["type"].Only({"ByteLevel", "RobertaProcessing", "BertProcessing", "TemplateProcessing"});
  const JsonNode single = node["single"];
  bool seen = false;
  for (size_t at = 0; at < single.Array().size(); ++at) {
    const JsonNode sequence = single[at]["Sequence"];
    if (!sequence.is_null()) {
      if (seen) single.Refuse("names the text twice");
      sequence["id"].Only({"A"});
      seen = true;
      continue;
    }
    const JsonNode name = single[at]["SpecialToken"]["id"];
    // What the name stands for is a list of its own; one of any other length is not implemented.
    const JsonNode meant = node["special_tokens"][name.Text().c_str()];
    meant["ids"].Only({Json::array({IdOf(name, parts->vocabulary)})});
    (seen ? parts->after : parts->before).push_back(IdOf(name, parts->vocabulary));
  }
  if (!seen) single.Refuse("does not name the text");
}

BytePair::Merges ReadMerges(const JsonNode& node) {
  BytePair::Merges merges;
  merges.reserve(node.Array().size());
  for (size_t at = 0; at < node.size(); ++at) {
    const Json& merge = node.value()[at];
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
      continue;
    }
    const std::string text = merge.is_string() ? merge.get<std::string>() : "";
    const size_t space = text.find(' ');
    if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
      node[at].Refuse("is no pair of tokens");
    merges.emplace_back(text.substr(0, space), text.substr(space + 1));
  }
  return merges;
}

void CheckByteLevel(const JsonNode& node) {
  node.OnlyFields({"type", "add_prefix_space", "trim_offsets", "use_regex"});
  node["type"].Only({"ByteLevel"});
  node["use_regex"].Only({Json(nullptr), Json(true)});
}

void CheckClip(const JsonNode& root) {
  root["normalizer"]["type"].Only({"Sequence"});
  root["normalizer"]["normalizers"].Only(
      {Json::array({{{"type", "NFC"}},
                    {{"type", "Replace"}, {"pattern", {{"Regex", "\\s+"}}}, {"content", " "}},
                    {{"type", "Lowercase"}}})});
  const JsonNode steps = root["pre_tokenizer"]["pretokenizers"];
  root["pre_tokenizer"]["type"].Only({"Sequence"});
  if (steps.Array().size() != 2) steps.Refuse("has not the two steps of CLIP");
  const JsonNode split = steps[size_t{0}];
  split.OnlyFields({"type", "pattern", "behavior", "invert"});
  split["type"].Only({"Split"});
  split["pattern"]["Regex"].Only({kClipWords, kClipWordsAndSpecial});
  split["behavior"].Only({"Removed"});
  split["invert"].Only({true});
  CheckByteLevel(steps[size_t{1}]);
  steps[size_t{1}]["add_prefix_space"].Only({false});
}

// Its normalizer, alone or behind that which makes lower case. Returns whether it does.
bool CheckGemma(const JsonNode& root) {
  const Json mark = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kSpaceMark}};
  const Json lower = {{"type", "Lowercase"}};
  const Json both = {{"type", "Sequence"}, {"normalizers", {lower, mark}}};
  root["normalizer"].Only({mark, both});
  // Behind that normalizer there is no space left to cut at.
  root["pre_tokenizer"].Only({Json(nullptr),
                              {{"type", "Split"},
                               {"pattern", {{"String", " "}}},
                               {"behavior", "MergedWithPrevious"},
                               {"invert", false}}});
  const Json space = {{"type", "Replace"}, {"pattern", {{"String", kSpaceMark}}}, {"content", " "}};
  root["decoder"].Only(
      {{{"type", "Sequence"},
        {"decoders", Json::array({space, {{"type", "ByteFallback"}}, {{"type", "Fuse"}}})}}});
  return root["normalizer"].value() == both;
}

std::unique_ptr<Tokenizer> ReadGemma(const JsonNode& root, TokenizerParts parts,
                                     const TokenizerSettings& settings) {
  const JsonNode model = root["model"];
  for (const char* field : {"continuing_subword_prefix", "end_of_word_suffix"})
    model[field].Only({Json(nullptr), Json("")});
  const bool lowercase = CheckGemma(root) || settings.Class() == "Siglip2Tokenizer";
  return std::make_unique<GemmaTokenizer>(std::move(parts), ReadMerges(model["merges"]), lowercase);
}

std::unique_ptr<Tokenizer> ReadBytePair(const JsonNode& root, TokenizerParts parts,
                                        const TokenizerSettings& settings) {
  const JsonNode model = root["model"];
  model.OnlyFields({"type", "dropout", "unk_token", "continuing_subword_prefix",
                    "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges", "vocab",
                    "merges"});
  model["dropout"].Only({Json(nullptr), Json(0.0)});
  model["ignore_merges"].Only({Json(nullptr), Json(false)});
  if (model["byte_fallback"].Flag(false) && root["decoder"]["type"].value() == "Sequence")
    return ReadGemma(root, std::move(parts), settings);
  model["continuing_subword_prefix"].Only({Json(nullptr), Json("")});
  model["end_of_word_suffix"].Only({Json(nullptr), Json(""), Json(ClipTokenizer::kWordEnd)});
  for (const char* field : {"fuse_unk", "byte_fallback"})
    model[field].Only({Json(nullptr), Json(false)});
  std::optional<int64_t> unknown;
  if (!model["unk_token"].is_null()) unknown = IdOf(model["unk_token"], parts.vocabulary);
  CheckByteLevel(root["decoder"]);
  const BytePair::Merges merges = ReadMerges(model["merges"]);
  if (model["end_of_word_suffix"].value() == ClipTokenizer::kWordEnd) {
    CheckClip(root);
    return std::make_unique<ClipTokenizer>(std::move(parts), merges, unknown);
  }
  root["normalizer"].Only({Json(nullptr)});
  CheckByteLevel(root["pre_tokenizer"]);
  const bool space_before = root["pre_tokenizer"]["add_prefix_space"].Flag(true);
  return std::make_unique<Gpt2Tokenizer>(std::move(parts), merges, unknown, space_before);
}

std::unique_ptr<Tokenizer> ReadWordPiece(const JsonNode& root, TokenizerParts parts,
                                         bool clean_result) {
  const JsonNode model = root["model"];
  model.OnlyFields(
      {"type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"});
  model["continuing_subword_prefix"].Only({"##"});
  const JsonNode normalizer = root["normalizer"];
  normalizer.OnlyFields(
      {"type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"});
  normalizer["type"].Only({"BertNormalizer"});
  root["pre_tokenizer"].OnlyFields({"type"});
  root["pre_tokenizer"]["type"].Only({"BertPreTokenizer"});
  const JsonNode decoder = root["decoder"];
  decoder.OnlyFields({"type", "prefix", "cleanup"});
  decoder["type"].Only({"WordPiece"});
  decoder["prefix"].Only({"##"});

  WordPieceOptions options;
  options.unknown = IdOf(model["unk_token"], parts.vocabulary);
  options.clean_text = normalizer["clean_text"].Flag(true);
  options.split_chinese = normalizer["handle_chinese_chars"].Flag(true);
  options.lowercase = normalizer["lowercase"].Flag(true);
  options.strip_accents = normalizer["strip_accents"].Flag(options.lowercase);
  options.clean_tokens = decoder["cleanup"].Flag(true);
  options.clean_result = clean_result;
  const JsonNode longest = model["max_input_chars_per_word"];
  if (!longest.is_null()) {
    if (longest.Integer() < 1) longest.Refuse("is below 1");
    options.max_word = static_cast<size_t>(longest.Integer());
  }
  return std::make_unique<WordPieceTokenizer>(std::move(parts), options);
}

}  // namespace

std::unique_ptr<Tokenizer> ParseTokenizerJson(const JsonNode& root,
                                              const TokenizerSettings& settings) {
  root.OnlyFields({"version", "truncation", "padding", "added_tokens", "normalizer",
                   "pre_tokenizer", "post_processor", "decoder", "model"});
  root["version"].Only({"1.0"});
  root["model"].Object();
  TokenizerParts parts;
  ReadVocabulary(root["model"]["vocab"], &parts.vocabulary);
  ReadAddedTokens(root["added_tokens"], &parts);
  ReadFrame(root["post_processor"], &parts);
  const JsonNode type = root["model"]["type"].Only({"BPE", "WordPiece"});
  settings.ReadPadding(std::nullopt, &parts);
  if (type.value() == "BPE") return ReadBytePair(root, std::move(parts), settings);
  const bool clean_result = settings.config("clean_up_tokenization_spaces").Flag(false);
  return ReadWordPiece(root, std::move(parts), clean_result);
}

}  // namespace darkroom
