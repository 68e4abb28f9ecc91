// SPDX-License-Identifier: Apache-2.0
//
// Generate writes texts with a TextDecoder: greedily, by sampling, or by beam search. Token for
// token it gives what transformers' generate gives for each text alone; several at once share the
// network's steps and are otherwise unaware of each other.
//
// One thread. The decoder is the caller's, and is used up.

#ifndef DARKROOM_PLUGINS_COMMON_GENERATE_GENERATE_H_
#define DARKROOM_PLUGINS_COMMON_GENERATE_GENERATE_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "common/generate/settings.h"
#include "common/generate/text_decoder.h"

namespace darkroom {

struct TextRequest {
  std::vector<int64_t> prompt;  // at least one token
  GenerationSettings settings;
  // Called after each token with how many there are; false: nobody waits any more. May be empty.
  std::function<bool(int64_t tokens)> on_token;
};

struct WrittenText {
  std::vector<int64_t> tokens;  // without the prompt, with the one that ended it, if any did
  double log_probability = 0;   // sum over the tokens, as the network gave them
  bool cancelled = false;

  // The geometric mean of the tokens' probabilities, 0 to 1.
  double Confidence() const;
};

// Writes a text for each slot of `decoder`, in their order. The prompts must be of one length, and
// the beams as many (GroupRequests). Throws Error (DR_INVALID_ARGUMENT) for settings that do not go
// together.
std::vector<WrittenText> Generate(TextDecoder& decoder, std::span<const TextRequest> requests);

// The numbers of those that can be written together.
std::vector<std::vector<size_t>> GroupRequests(std::span<const TextRequest> requests);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_GENERATE_GENERATE_H_
