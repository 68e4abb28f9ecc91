// SPDX-License-Identifier: Apache-2.0

#include "common/text/byte_pair.h"

#include "common/text/byte_level.h"

namespace darkroom {

BytePair::BytePair(const Vocabulary& vocabulary, const Merges& merges, const std::string& word_end,
                   std::optional<int64_t> unknown)
    : merges_(vocabulary, merges) {
  const auto otherwise = static_cast<int32_t>(unknown.value_or(kNone));
  for (int byte = 0; byte < 256; ++byte) {
    const std::string token = ByteLevelCharacter(static_cast<unsigned char>(byte));
    const auto at = static_cast<size_t>(byte);
    bytes_[at] = static_cast<int32_t>(vocabulary.Find(token).value_or(otherwise));
    last_bytes_[at] = static_cast<int32_t>(vocabulary.Find(token + word_end).value_or(otherwise));
  }
}

void BytePair::Encode(std::string_view word, std::vector<int64_t>* ids) const {
  std::vector<int32_t> symbols;
  symbols.reserve(word.size());
  for (size_t at = 0; at < word.size(); ++at) {
    const auto byte = static_cast<unsigned char>(word[at]);
    const int32_t id = at + 1 == word.size() ? last_bytes_[byte] : bytes_[byte];
    if (id != kNone) symbols.push_back(id);
  }
  merges_.Join(symbols, ids);
}

}  // namespace darkroom
