// SPDX-License-Identifier: Apache-2.0
//
// Reads a tokenizer.json, the form in which the tokenizers library keeps a whole tokenizer: how
// text is normalized and cut, vocabulary, merges, added tokens, what frames a text. Three
// tokenizers are known by it: CLIP's, GPT-2's and BERT's; each field must say what that one does.
//
// A pure function, any thread.

#ifndef DARKROOM_PLUGINS_COMMON_TEXT_TOKENIZER_JSON_H_
#define DARKROOM_PLUGINS_COMMON_TEXT_TOKENIZER_JSON_H_

#include <memory>

#include "common/text/json_node.h"
#include "common/text/tokenizer.h"

namespace darkroom {

// `clean_result`: tokenizer_config.json's clean_up_tokenization_spaces, which only BERT's heeds.
// "truncation" and "padding" are left to the caller of the tokenizer, as transformers does. Throws
// Error (DR_FAILED_PRECONDITION) naming the field.
std::unique_ptr<Tokenizer> ParseTokenizerJson(const JsonNode& root, bool clean_result);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_TEXT_TOKENIZER_JSON_H_
