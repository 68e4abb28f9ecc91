// SPDX-License-Identifier: Apache-2.0

#include "common/text/tokenizer.h"

#include <algorithm>
#include <darkroom/plugin.hpp>
#include <utility>

#include "common/text/unicode.h"

namespace darkroom {

Tokenizer::Tokenizer(TokenizerParts parts) : parts_(std::move(parts)) {}

void Tokenizer::IndexAddedTokens() {
  for (const AddedToken& token : parts_.added) {
    const std::u32string content = DecodeUtf8(token.content);
    if (token.normalized) {
      const std::u32string normalized = Normalize(content);
      normalized_.Add(normalized, token.id);
      spelled_.emplace(token.id, EncodeUtf8(normalized));
    } else {
      raw_.Add(content, token.id);
    }
    if (token.special) special_.insert(token.id);
  }
}

std::vector<int64_t> Tokenizer::EncodeBare(std::string_view text) const {
  std::vector<int64_t> ids;
  const auto on_token = [&ids](int64_t id) { ids.push_back(id); };
  raw_.Split(
      DecodeUtf8(text),
      [&](std::u32string_view part) {
        normalized_.Split(
            Normalize(part), [&](std::u32string_view words) { EncodeText(words, &ids); }, on_token);
      },
      on_token);
  return ids;
}

std::vector<int64_t> Tokenizer::Encode(std::string_view text, size_t max_length) const {
  const size_t frame = parts_.before.size() + parts_.after.size();
  if (max_length < frame)
    throw Error(DR_INVALID_ARGUMENT, "a text of at most " + std::to_string(max_length) +
                                         " tokens has no room for the " + std::to_string(frame) +
                                         " that frame it");
  std::vector<int64_t> ids = EncodeBare(text);
  if (ids.size() > max_length - frame) ids.resize(max_length - frame);
  const bool ends_so = parts_.after_once && !parts_.after.empty() &&
                       ids.size() >= parts_.after.size() &&
                       std::equal(parts_.after.rbegin(), parts_.after.rend(), ids.rbegin());
  ids.insert(ids.begin(), parts_.before.begin(), parts_.before.end());
  if (!ends_so) ids.insert(ids.end(), parts_.after.begin(), parts_.after.end());
  return ids;
}

std::vector<int64_t> Tokenizer::EncodeFilled(std::string_view text, size_t length) const {
  if (!parts_.pad.has_value())
    throw Error(DR_FAILED_PRECONDITION,
                "the tokenizer names no pad_token, which texts are to be filled up with: add it to "
                "tokenizer_config.json");
  std::vector<int64_t> ids = Encode(text, length);
  ids.insert(parts_.pads_before ? ids.begin() : ids.end(), length - ids.size(), *parts_.pad);
  return ids;
}

std::string Tokenizer::Decode(std::span<const int64_t> ids, bool with_special) const {
  std::vector<std::string_view> tokens;
  tokens.reserve(ids.size());
  for (const int64_t id : ids) {
    if (!with_special && special_.contains(id)) continue;
    const auto spelled = spelled_.find(id);
    const std::string_view token =
        spelled == spelled_.end() ? parts_.vocabulary.TokenOf(id) : spelled->second;
    if (!token.empty()) tokens.push_back(token);
  }
  return Join(tokens);
}

}  // namespace darkroom
