// SPDX-License-Identifier: Apache-2.0
//
// What a request to the captioner asks for, and what the model's configuration allows. Pure
// functions on JSON, any thread.

#ifndef DARKROOM_PLUGINS_CAPTION_PARAMS_H_
#define DARKROOM_PLUGINS_CAPTION_PARAMS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/generate/settings.h"

namespace darkroom {

struct CaptionOptions {
  int threads = 0;  // 0: as many as the process has
  std::string dtype = "auto";
  std::string engine = "auto";
  int64_t max_new_tokens = 200;  // at most, and where a request does not say
  int64_t max_beams = 8;
  // How a text begins, by name. These four are there unless they are replaced.
  std::map<std::string, std::string> templates = {{"photo", "a photo of"},
                                                  {"diagram", "a diagram of"},
                                                  {"chart", "a chart showing"},
                                                  {"screenshot", "a screenshot of"}};
};

// "options" of the model's configuration. Throws Error (DR_INVALID_ARGUMENT) that names the option.
CaptionOptions ParseCaptionOptions(std::string_view config);

struct CaptionParams {
  std::string prompt;
  GenerationSettings settings;
  std::vector<std::string> stop;
  int64_t max_words = 0;
  bool json = false;  // {"alt_text": ..., "confidence": ...} instead of the text
};

// `params`: checked against the manifest's schema by the host. `defaults`: the model's. Throws
// Error (DR_INVALID_ARGUMENT) that names the param.
CaptionParams ParseCaptionParams(std::string_view params, const CaptionOptions& options,
                                 const GenerationSettings& defaults);

// The JSON of a caption.
std::string CaptionJson(const std::string& text, double confidence);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_CAPTION_PARAMS_H_
