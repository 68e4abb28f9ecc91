// SPDX-License-Identifier: Apache-2.0

#include "common/text/added_tokens.h"

#include <algorithm>
#include <darkroom/plugin.hpp>

namespace darkroom {

void AddedTokens::Add(std::u32string_view content, int64_t id) {
  if (content.empty())
    throw Error(DR_FAILED_PRECONDITION, "added token " + std::to_string(id) + " is empty");
  std::vector<Entry>& entries = by_first_[content.front()];
  const auto place = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) {
    return entry.content.size() < content.size();
  });
  entries.insert(place, {std::u32string(content), id});
}

void AddedTokens::Split(std::u32string_view text, const OnText& on_text,
                        const OnToken& on_token) const {
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const Entry* found = nullptr;
    const auto entries = by_first_.find(text[at]);
    if (entries != by_first_.end()) {
      for (const Entry& entry : entries->second) {
        if (text.substr(at, entry.content.size()) != entry.content) continue;
        found = &entry;
        break;
      }
    }
    if (found == nullptr) {
      ++at;
      continue;
    }
    if (at > begin) on_text(text.substr(begin, at - begin));
    on_token(found->id);
    at += found->content.size();
    begin = at;
  }
  if (begin < text.size()) on_text(text.substr(begin));
}

}  // namespace darkroom
