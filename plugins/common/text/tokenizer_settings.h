// SPDX-License-Identifier: Apache-2.0
//
// TokenizerSettings are the small files beside a vocabulary, tokenizer_config.json,
// special_tokens_map.json and added_tokens.json: which tokens have which role, which were added,
// and what the tokenizer's own class is told. Where none is, nothing is said.
//
// One thread. What it throws is Error (DR_FAILED_PRECONDITION), with file and field.

#ifndef DARKROOM_PLUGINS_COMMON_TEXT_TOKENIZER_SETTINGS_H_
#define DARKROOM_PLUGINS_COMMON_TEXT_TOKENIZER_SETTINGS_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "common/text/json_node.h"
#include "common/text/tokenizer.h"

namespace darkroom {

class TokenizerSettings {
 public:
  explicit TokenizerSettings(const std::string& folder);

  // A field of tokenizer_config.json.
  JsonNode config(const char* field) const { return Node(config_, "tokenizer_config.json")[field]; }
  // Its "tokenizer_class", without the "Fast" at the end of older names; empty: it does not say.
  std::string Class() const;

  // The token that has this role, "eos_token" say; `otherwise` is what this kind of tokenizer has.
  std::optional<std::string> Role(const char* role, std::optional<std::string> otherwise) const;

  // Adds to `parts` what was added to the vocabulary, and every token with a role, as a special
  // one. `roles`: those that this kind has without being told. `may_strip`: white space beside an
  // added token means nothing to this kind, so that a token may ask for its removal.
  void AddTokens(const std::set<std::string>& roles, bool may_strip, TokenizerParts* parts) const;

  // Which token fills texts up, and on which side. `otherwise`: the pad_token that this kind has
  // without being told. A token that the vocabulary does not have is none.
  void ReadPadding(std::optional<std::string> otherwise, TokenizerParts* parts) const;

 private:
  JsonNode Node(const nlohmann::json& json, const char* name) const;

  std::string folder_;
  nlohmann::json config_;
  nlohmann::json map_;
  nlohmann::json added_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_TEXT_TOKENIZER_SETTINGS_H_
