// SPDX-License-Identifier: Apache-2.0
//
// Opens the tokenizer of a model's folder, as the model hub has them: tokenizer.json where there is
// one, else vocab.json with merges.txt (CLIP, GPT-2) or vocab.txt (BERT), with what
// tokenizer_config.json, special_tokens_map.json and added_tokens.json say of them; of SigLIP
// always spiece.model.
//
// The files are taken for hostile. What they ask for and is not implemented is refused, never
// passed over: a tokenizer that is nearly right is wrong without a sign.
//
// Any thread; the tokenizer is the caller's and needs the files no more.

#ifndef DARKROOM_PLUGINS_COMMON_TEXT_TOKENIZER_FILES_H_
#define DARKROOM_PLUGINS_COMMON_TEXT_TOKENIZER_FILES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/text/tokenizer.h"

namespace darkroom {

// The vocabularies of today's largest models stay below this.
inline constexpr uint64_t kMaxTokenizerFileBytes = 64 << 20;

// Throws Error: DR_NOT_FOUND when the folder has no tokenizer, naming the files that would be one;
// DR_FAILED_PRECONDITION when one is damaged, or not implemented, naming file and field.
std::unique_ptr<Tokenizer> OpenTokenizer(const std::string& folder);

// The token that the folder's files say fills up short texts; nothing when they do not say. Throws
// Error as OpenTokenizer does.
std::optional<std::string> PadTokenOf(const std::string& folder);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_TEXT_TOKENIZER_FILES_H_
