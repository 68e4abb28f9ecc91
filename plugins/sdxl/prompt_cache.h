// SPDX-License-Identifier: Apache-2.0
//
// PromptCache keeps what the text encoders made of the last prompts: whoever draws many pictures
// after one prompt, or gives the same negative each time, has it encoded once.
//
// Each prompt is encoded alone, so that what it gives does not depend on others. Ownership: the
// states; not the encoders, which must outlive it. Threads: the instance's lane.

#ifndef DARKROOM_PLUGINS_SDXL_PROMPT_CACHE_H_
#define DARKROOM_PLUGINS_SDXL_PROMPT_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <string>

#include "sdxl/text_encoders.h"

namespace darkroom::sdxl {

class PromptCache {
 public:
  // `most`: how many prompts it keeps; 0: none.
  PromptCache(const TextEncoders* encoders, size_t most) : encoders_(encoders), most_(most) {}

  // As TextEncoders::Encode of this prompt alone. `loras`: what the encoders are changed by, of
  // other changes another text; `change` changes them so, and is called only if they are needed.
  PromptStates Encode(const Prompt& prompt, int64_t skipped, int64_t chunks,
                      const std::string& loras, const std::function<void()>& change);

  size_t size() const { return kept_.size(); }
  // How often a prompt was there.
  uint64_t hits() const { return hits_; }

 private:
  struct Kept {
    Prompt prompt;
    int64_t skipped;
    int64_t chunks;
    std::string loras;
    PromptStates states;
  };

  const TextEncoders* encoders_;
  size_t most_;
  std::list<Kept> kept_;  // the last used first
  uint64_t hits_ = 0;
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_PROMPT_CACHE_H_
