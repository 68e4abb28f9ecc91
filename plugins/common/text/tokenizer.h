// SPDX-License-Identifier: Apache-2.0
//
// Tokenizer turns text into the numbers of a model's vocabulary, and numbers into text, exactly as
// the model's authors did: a text that is cut differently is another text to the model.
//
// A kind of tokenizer says how text is normalized, cut and joined; added tokens, the tokens that
// frame a text, and truncation are the same for all and are here. tokenizer_files.h opens a model's
// tokenizer, whatever its kind.
//
// Immutable once it is made: any thread may use it. Text is UTF-8; bytes that are none count as
// U+FFFD.

#ifndef DARKROOM_PLUGINS_COMMON_TEXT_TOKENIZER_H_
#define DARKROOM_PLUGINS_COMMON_TEXT_TOKENIZER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/text/added_tokens.h"
#include "common/text/vocabulary.h"

namespace darkroom {

// What every kind needs. The vocabulary holds the added tokens too.
struct TokenizerParts {
  Vocabulary vocabulary;
  std::vector<AddedToken> added;
  std::vector<int64_t> before;  // what frames a text: CLIP's <|startoftext|>, BERT's [CLS]
  std::vector<int64_t> after;
  bool after_once = false;     // not put behind a text that ends so by itself
  std::optional<int64_t> pad;  // what a text is filled up with; absent: nothing was named
  bool pads_before = false;    // at its beginning, and not at its end
};

class Tokenizer {
 public:
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;
  virtual ~Tokenizer() = default;

  // The text's numbers within their frame. If they are more than `max_length`, the text's last ones
  // are left out, as with truncation=True of transformers. Throws Error (DR_INVALID_ARGUMENT) when
  // not even the frame fits.
  std::vector<int64_t> Encode(std::string_view text,
                              size_t max_length = static_cast<size_t>(-1)) const;

  // The same, filled up to `length`, as with padding="max_length". Throws Error
  // (DR_FAILED_PRECONDITION) when the tokenizer's files name no token for that.
  std::vector<int64_t> EncodeFilled(std::string_view text, size_t length) const;

  // The text's numbers alone.
  virtual std::vector<int64_t> EncodeBare(std::string_view text) const;

  // Numbers without a token are left out, and so are special tokens unless they are asked for.
  std::string Decode(std::span<const int64_t> ids, bool with_special = false) const;

  const Vocabulary& vocabulary() const { return parts_.vocabulary; }
  const std::vector<int64_t>& before() const { return parts_.before; }
  const std::vector<int64_t>& after() const { return parts_.after; }

 protected:
  explicit Tokenizer(TokenizerParts parts);
  // To be called by the constructor of each kind, once Normalize works.
  void IndexAddedTokens();

  // The added tokens that are looked for in text that is not normalized.
  const AddedTokens& raw_tokens() const { return raw_; }
  bool IsSpecial(int64_t id) const { return special_.contains(id); }

  virtual std::u32string Normalize(std::u32string_view text) const = 0;
  // Appends the numbers of normalized text that has no added token in it.
  virtual void EncodeText(std::u32string_view text, std::vector<int64_t>* ids) const = 0;
  // The text of tokens in a row.
  virtual std::string Join(const std::vector<std::string_view>& tokens) const = 0;

 private:
  TokenizerParts parts_;
  AddedTokens raw_;
  AddedTokens normalized_;
  std::set<int64_t> special_;
  std::map<int64_t, std::string> spelled_;  // of those looked for in normalized text
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_TEXT_TOKENIZER_H_
