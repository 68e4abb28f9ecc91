// SPDX-License-Identifier: Apache-2.0

#include "sdxl/prompt_cache.h"

#include <algorithm>

namespace darkroom::sdxl {

PromptStates PromptCache::Encode(const Prompt& prompt, int64_t skipped, int64_t chunks,
                                 const std::string& loras, const std::function<void()>& change) {
  const auto found = std::ranges::find_if(kept_, [&](const Kept& kept) {
    return kept.skipped == skipped && kept.chunks == chunks && kept.prompt == prompt &&
           kept.loras == loras;
  });
  if (found != kept_.end()) {
    ++hits_;
    kept_.splice(kept_.begin(), kept_, found);
    return found->states;
  }
  change();
  PromptStates states = encoders_->Encode({prompt}, skipped, chunks);
  kept_.push_front({prompt, skipped, chunks, loras, states});
  if (kept_.size() > most_) kept_.pop_back();
  return states;
}

}  // namespace darkroom::sdxl
