// SPDX-License-Identifier: Apache-2.0

#include "common/text/word_piece_tokenizer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/text/unicode.h"

namespace darkroom {
namespace {

constexpr std::string_view kContinuation = "##";

bool IsChinese(char32_t c) {
  const auto within = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
  return within(0x4E00, 0x9FFF) || within(0x3400, 0x4DBF) || within(0x20000, 0x2A6DF) ||
         within(0x2A700, 0x2B73F) || within(0x2B740, 0x2B81F) || within(0x2B920, 0x2CEAF) ||
         within(0xF900, 0xFAFF) || within(0x2F800, 0x2FA1F);
}

void ReplaceAll(std::string_view from, std::string_view to, std::string* text) {
  for (size_t at = text->find(from); at != std::string::npos; at = text->find(from, at + to.size()))
    text->replace(at, from.size(), to);
}

// The two places where text is cleaned differ in one rule.
void CleanUp(bool contract_do_not, std::string* text) {
  ReplaceAll(" .", ".", text);
  ReplaceAll(" ?", "?", text);
  ReplaceAll(" !", "!", text);
  ReplaceAll(" ,", ",", text);
  ReplaceAll(" ' ", "'", text);
  ReplaceAll(" n't", "n't", text);
  ReplaceAll(" 'm", "'m", text);
  if (contract_do_not) ReplaceAll(" do not", " don't", text);
  ReplaceAll(" 's", "'s", text);
  ReplaceAll(" 've", "'ve", text);
  ReplaceAll(" 're", "'re", text);
}

}  // namespace

WordPieceTokenizer::WordPieceTokenizer(TokenizerParts parts, const WordPieceOptions& options)
    : Tokenizer(std::move(parts)), options_(options) {
  IndexAddedTokens();
}

std::u32string WordPieceTokenizer::Normalize(std::u32string_view text) const {
  std::u32string clean;
  clean.reserve(text.size());
  for (const char32_t c : text) {
    if (options_.clean_text && (c == 0 || c == 0xFFFD || IsBertControl(c))) continue;
    const bool alone = options_.split_chinese && IsChinese(c);
    if (alone) clean.push_back(' ');
    clean.push_back(options_.clean_text && IsSpace(c) ? U' ' : c);
    if (alone) clean.push_back(' ');
  }
  if (options_.strip_accents) {
    clean = ToNfd(clean);
    std::erase_if(clean, IsNonspacingMark);
  }
  if (!options_.lowercase) return clean;
  std::u32string out;
  out.reserve(clean.size());
  for (const char32_t c : clean) AppendLowercase(c, &out);
  return out;
}

void WordPieceTokenizer::EncodeText(std::u32string_view text, std::vector<int64_t>* ids) const {
  while (!text.empty()) {
    if (IsSpace(text.front())) {
      text.remove_prefix(1);
      continue;
    }
    const auto* const end = std::find_if(
        text.begin(), text.end(), [](char32_t c) { return IsSpace(c) || IsBertPunctuation(c); });
    const auto length = std::max<size_t>(1, static_cast<size_t>(end - text.begin()));
    EncodeWord(text.substr(0, length), ids);
    text.remove_prefix(length);
  }
}

void WordPieceTokenizer::EncodeWord(std::u32string_view word, std::vector<int64_t>* ids) const {
  if (word.size() > options_.max_word) {
    ids->push_back(options_.unknown);
    return;
  }
  const size_t had = ids->size();
  for (size_t begin = 0; begin < word.size();) {
    std::string piece(begin == 0 ? std::string_view() : kContinuation);
    std::vector<size_t> ends;  // of the piece in bytes, after each of its characters
    for (const char32_t c : word.substr(begin)) {
      AppendUtf8(c, &piece);
      ends.push_back(piece.size());
    }
    std::optional<int64_t> id;
    while (!ends.empty() && !id.has_value()) {
      id = vocabulary().Find(std::string_view(piece).substr(0, ends.back()));
      if (!id.has_value()) ends.pop_back();
    }
    if (!id.has_value()) {
      ids->resize(had);
      ids->push_back(options_.unknown);
      return;
    }
    ids->push_back(*id);
    begin += ends.size();
  }
}

std::string WordPieceTokenizer::Join(const std::vector<std::string_view>& tokens) const {
  std::string text;
  for (size_t at = 0; at < tokens.size(); ++at) {
    std::string part(tokens[at]);
    if (at > 0) {
      if (part.starts_with(kContinuation)) {
        part.erase(0, kContinuation.size());
      } else {
        part.insert(0, 1, ' ');
      }
    }
    if (options_.clean_tokens) CleanUp(true, &part);
    text += part;
  }
  if (options_.clean_result) CleanUp(false, &text);
  return text;
}

}  // namespace darkroom
