// SPDX-License-Identifier: Apache-2.0
//
// How a text is to be written: as transformers' GenerationConfig says it, as far as it is
// implemented, with its names and defaults. Plain values.

#ifndef DARKROOM_PLUGINS_COMMON_GENERATE_SETTINGS_H_
#define DARKROOM_PLUGINS_COMMON_GENERATE_SETTINGS_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "common/json_config.h"

namespace darkroom {

// When beam search has enough finished texts.
enum class EarlyStopping : uint8_t {
  kWhenUnlikely,  // false: when no running text is likely to become better
  kWhenFull,      // true: as soon as there are as many as beams
  kNever,         // "never": when none can become better, however long
};

struct GenerationSettings {
  int64_t max_new_tokens = 20;
  int64_t min_new_tokens = 0;
  std::vector<int64_t> end;  // any of these ends a text

  int64_t beams = 1;  // 1: greedy, or sampling
  double length_penalty = 1.0;
  EarlyStopping early_stopping = EarlyStopping::kWhenUnlikely;

  bool sample = false;  // not together with beams
  uint64_t seed = 0;
  double temperature = 1.0;
  int64_t top_k = 50;  // 0: all
  double top_p = 1.0;

  double repetition_penalty = 1.0;   // arXiv:1909.05858
  int64_t no_repeat_ngram_size = 0;  // 0: may repeat

  // Further ends: whether what has been written, without the prompt, is a whole text.
  std::function<bool(std::span<const int64_t>)> is_complete;
};

// Throws Error (DR_INVALID_ARGUMENT) that names what is out of its range, or does not go together.
void CheckSettings(const GenerationSettings& settings);

// Takes from a generation_config.json (or the fields of an older config.json) what it says of the
// above, into `settings`; the tokens that end a text are the model's own affair. A setting that is
// not implemented is refused by name unless it is at its default. Throws Error
// (DR_FAILED_PRECONDITION).
void ReadGenerationSettings(const JsonConfig& config, GenerationSettings* settings);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_GENERATE_SETTINGS_H_
