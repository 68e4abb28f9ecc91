// SPDX-License-Identifier: Apache-2.0
//
// AddedTokens are tokens that are looked for in the text as they are written, before anything else
// cuts it: "<|endoftext|>" is one token wherever it stands. The leftmost is taken, and of those
// that begin at the same place the longest.
//
// Built by one thread, then immutable: any thread may search.

#ifndef DARKROOM_PLUGINS_COMMON_TEXT_ADDED_TOKENS_H_
#define DARKROOM_PLUGINS_COMMON_TEXT_ADDED_TOKENS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace darkroom {

// One entry of a tokenizer.json's "added_tokens".
struct AddedToken {
  std::string content;
  int64_t id = 0;
  bool special = true;      // left out of what people read
  bool normalized = false;  // looked for in the normalized text, and not in the raw one
};

class AddedTokens {
 public:
  // Throws Error (DR_FAILED_PRECONDITION) for an empty content.
  void Add(std::u32string_view content, int64_t id);

  using OnText = std::function<void(std::u32string_view)>;
  using OnToken = std::function<void(int64_t id)>;
  // Calls one for each part of `text`, in their order; never on_text with an empty part.
  void Split(std::u32string_view text, const OnText& on_text, const OnToken& on_token) const;

 private:
  struct Entry {
    std::u32string content;
    int64_t id;
  };
  std::map<char32_t, std::vector<Entry>> by_first_;  // the longest first
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_TEXT_ADDED_TOKENS_H_
