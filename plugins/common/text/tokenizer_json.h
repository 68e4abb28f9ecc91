// SPDX-License-Identifier: Apache-2.0
//
// Reads a tokenizer.json, the form in which the tokenizers library keeps a whole tokenizer: how
// text is normalized and cut, vocabulary, merges, added tokens, what frames a text. Four tokenizers
// are known by it: CLIP's, GPT-2's, BERT's and Gemma's; each field must say what that one does.
//
// A pure function, any thread.

#ifndef DARKROOM_PLUGINS_COMMON_TEXT_TOKENIZER_JSON_H_
#define DARKROOM_PLUGINS_COMMON_TEXT_TOKENIZER_JSON_H_

#include <memory>

#include "common/text/json_node.h"
#include "common/text/tokenizer.h"
#include "common/text/tokenizer_settings.h"

namespace darkroom {

// Of `settings` count the padding, clean_up_tokenization_spaces, which only BERT's heeds, and the
// class Siglip2Tokenizer, which is Gemma's in lower case. "truncation" and "padding" of the file
// are left to the caller of the tokenizer, as transformers does. Throws Error
// (DR_FAILED_PRECONDITION) naming the field.
std::unique_ptr<Tokenizer> ParseTokenizerJson(const JsonNode& root,
                                              const TokenizerSettings& settings);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_TEXT_TOKENIZER_JSON_H_
