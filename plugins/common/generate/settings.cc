// SPDX-License-Identifier: Apache-2.0

#include "common/generate/settings.h"

#include <darkroom/plugin.hpp>

namespace darkroom {
namespace {

[[noreturn]] void Refuse(const std::string& words) { throw Error(DR_INVALID_ARGUMENT, words); }

// true, false or "never".
EarlyStopping ReadEarlyStopping(const JsonConfig& config) {
  try {
    return config.Flag("early_stopping", false) ? EarlyStopping::kWhenFull
                                                : EarlyStopping::kWhenUnlikely;
  } catch (const Error&) {
    config.Only("early_stopping", std::string("never"));
    return EarlyStopping::kNever;
  }
}

}  // namespace

void CheckSettings(const GenerationSettings& settings) {
  if (settings.max_new_tokens < 1)
    Refuse("max_new_tokens is " + std::to_string(settings.max_new_tokens) +
           ", expected at least 1");
  if (settings.beams < 1)
    Refuse("beams is " + std::to_string(settings.beams) + ", expected at least 1");
  if (settings.sample && settings.beams > 1)
    Refuse("sampling and " + std::to_string(settings.beams) +
           " beams do not go together: leave one of them out");
  if (!(settings.temperature > 0))
    Refuse("temperature is " + std::to_string(settings.temperature) +
           ", expected more than 0; without sampling the likeliest token is taken");
  if (!(settings.top_p > 0 && settings.top_p <= 1))
    Refuse("top_p is " + std::to_string(settings.top_p) + ", expected more than 0 and at most 1");
  if (settings.top_k < 0)
    Refuse("top_k is " + std::to_string(settings.top_k) + ", expected at least 0");
  if (!(settings.repetition_penalty > 0))
    Refuse("repetition_penalty is " + std::to_string(settings.repetition_penalty) +
           ", expected more than 0");
  if (settings.no_repeat_ngram_size < 0)
    Refuse("no_repeat_ngram_size is " + std::to_string(settings.no_repeat_ngram_size) +
           ", expected at least 0");
}

void ReadGenerationSettings(const JsonConfig& config, GenerationSettings* settings) {
  // max_length counts the prompt, which is one token where a model is given none.
  if (config.Has("max_length")) settings->max_new_tokens = config.Integer("max_length") - 1;
  if (config.Has("max_new_tokens")) settings->max_new_tokens = config.Integer("max_new_tokens");
  settings->min_new_tokens = config.Integer("min_new_tokens", 0);
  settings->beams = config.Integer("num_beams", 1);
  settings->early_stopping = ReadEarlyStopping(config);
  settings->length_penalty = config.Number("length_penalty", 1.0);
  settings->repetition_penalty = config.Number("repetition_penalty", 1.0);
  settings->no_repeat_ngram_size = config.Integer("no_repeat_ngram_size", 0);
  settings->sample = config.Flag("do_sample", false);
  settings->temperature = config.Number("temperature", 1.0);
  settings->top_k = config.Integer("top_k", 50);
  settings->top_p = config.Number("top_p", 1.0);
  config.Only("min_length", int64_t{0});
  config.Only("num_beam_groups", int64_t{1});
  config.Only("encoder_no_repeat_ngram_size", int64_t{0});
}

}  // namespace darkroom
