// SPDX-License-Identifier: Apache-2.0

#include "common/text/siglip_tokenizer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/text/lower_case.h"
#include "common/text/unicode.h"

namespace darkroom {
namespace {

constexpr char32_t kSpaceMark = 0x2581;
constexpr std::string_view kSpaceMarkBytes = "\u2581";

bool IsAsciiPunctuation(char32_t c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
         (c >= '{' && c <= '~');
}

// Python's isspace: White_Space, and ASCII's four separators.
bool IsPythonSpace(char32_t c) { return IsSpace(c) || (c >= 0x1C && c <= 0x1F); }

std::string Stripped(const std::string& text) {
  const std::u32string all = DecodeUtf8(text);
  const auto first = std::find_if_not(all.begin(), all.end(), IsPythonSpace);
  const auto last =
      std::find_if_not(all.rbegin(), std::make_reverse_iterator(first), IsPythonSpace);
  return EncodeUtf8({first, last.base()});
}

}  // namespace

SiglipTokenizer::SiglipTokenizer(TokenizerParts parts, SentencePiece model,
                                 const std::string& unknown, bool lowercase)
    : Tokenizer(std::move(parts)),
      model_(std::move(model)),
      unknown_(unknown),
      unknown_pieces_(model_.Pieces(unknown).size()),
      lowercase_(lowercase) {
  IndexAddedTokens();
}

std::vector<int64_t> SiglipTokenizer::EncodeBare(std::string_view text) const {
  std::u32string marked(1, kSpaceMark);
  for (const char32_t c : DecodeUtf8(text)) marked.push_back(c == kSpaceMark ? U' ' : c);
  const std::optional<int64_t> mark = vocabulary().Find(kSpaceMarkBytes);
  std::vector<int64_t> ids;
  raw_tokens().Split(
      marked, [&](std::u32string_view part) { EncodeText(Normalize(part), &ids); },
      [&](int64_t id) {
        // Before a special token the mark of a text's beginning does not stand alone.
        if (ids.size() == 1 && ids.front() == mark && IsSpecial(id)) ids.clear();
        ids.push_back(id);
      });
  return ids;
}

std::u32string SiglipTokenizer::Normalize(std::u32string_view text) const {
  const std::u32string cased = lowercase_ ? ToLowercase(text) : std::u32string(text);
  std::u32string clean;
  clean.reserve(cased.size());
  for (const char32_t c : cased) {
    if (IsAsciiPunctuation(c)) continue;
    if (!IsPythonSpace(c)) {
      clean.push_back(c);
    } else if (!clean.empty() && clean.back() != ' ') {
      clean.push_back(' ');
    }
  }
  if (clean.ends_with(U' ')) clean.pop_back();
  return clean;
}

void SiglipTokenizer::EncodeText(std::u32string_view text, std::vector<int64_t>* ids) const {
  // A model without a space before its texts would not tell a word's beginning from its inside at
  // the text's start. So the reference puts something before it, and takes as many pieces away as
  // that has alone, whether or not they still are the same.
  const std::vector<std::string> pieces = model_.Pieces(unknown_ + EncodeUtf8(text));
  const size_t skipped = pieces.size() >= unknown_pieces_ ? unknown_pieces_ : 0;
  for (size_t at = skipped; at < pieces.size(); ++at) ids->push_back(model_.IdOf(pieces[at]));
}

std::string SiglipTokenizer::Join(const std::vector<std::string_view>& tokens) const {
  std::string text;
  std::vector<std::string> pieces;
  bool behind_special = false;
  for (const std::string_view token : tokens) {
    if (!IsSpecial(vocabulary().Find(token).value_or(-1))) {
      pieces.emplace_back(token);
      behind_special = false;
      continue;
    }
    if (!behind_special) text += ' ';
    text += model_.Join(pieces) + std::string(token);
    pieces.clear();
    behind_special = true;
  }
  return Stripped(text + model_.Join(pieces));
}

}  // namespace darkroom
