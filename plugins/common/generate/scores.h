// SPDX-License-Identifier: Apache-2.0
//
// What is done to the scores of the next tokens before one is chosen, each as transformers'
// logits processor of that name does it.
//
// Pure functions on one row, vocabulary elements of float32 on any device, which they change;
// `written` is the whole text so far, with its prompt. Any thread.

#ifndef DARKROOM_PLUGINS_COMMON_GENERATE_SCORES_H_
#define DARKROOM_PLUGINS_COMMON_GENERATE_SCORES_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <span>

#include "common/generate/settings.h"

namespace darkroom {

// Scores of tokens that are in the text already: divided by `penalty` if positive, multiplied if
// negative.
void PenalizeRepetition(std::span<const int64_t> written, double penalty, const at::Tensor& scores);

// Makes impossible what would repeat the last `size` tokens of some place in the text.
void BanRepeatedNgrams(std::span<const int64_t> written, int64_t size, const at::Tensor& scores);

// The two above and the least length, as far as the settings want them. `new_tokens`: how many have
// been written since the prompt.
void ProcessScores(const GenerationSettings& settings, std::span<const int64_t> written,
                   int64_t new_tokens, const at::Tensor& scores);
// Whether ProcessScores does anything at all.
bool ChangesScores(const GenerationSettings& settings);

// What remains to be drawn from: scores divided by the temperature, the top_k greatest of them, and
// of those the fewest whose probabilities make top_p. Returns a new row, -inf where nothing is
// left.
at::Tensor FilterForSampling(const GenerationSettings& settings, const at::Tensor& scores);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_GENERATE_SCORES_H_
