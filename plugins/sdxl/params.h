// SPDX-License-Identifier: Apache-2.0
//
// What a request asks of the plugin, and what the model's configuration allows. Pure functions on
// JSON, any thread.

#ifndef DARKROOM_PLUGINS_SDXL_PARAMS_H_
#define DARKROOM_PLUGINS_SDXL_PARAMS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sdxl/compiled_unet.h"
#include "sdxl/drawing.h"
#include "sdxl/lora.h"
#include "sdxl/single_file.h"

namespace darkroom::sdxl {

// Of the manifest: image, image_2, ...
constexpr int64_t kMostPictures = 8;

struct Options {
  std::string weights;
  FileOptions file;  // of weights in a single file
  std::string dtype = "auto";
  std::string engine = "auto";
  int64_t rows = 8;        // PipelineOptions
  int64_t tile = 1024;     // pixels
  int64_t prompts = 32;    // that are kept encoded
  int threads = 0;         // 0: as many as the process has
  std::string loras;       // their folder; empty: there are none
  std::string embeddings;  // their folder; empty: there are none
  int64_t lora_sets = 0;   // copies of the networks that stay beside the model; 0: in place
  std::vector<CompiledFile> compiled;
};

// The model's configuration: {"name", "weights", "options"}. Throws Error (DR_INVALID_ARGUMENT,
// DR_FAILED_PRECONDITION) that names the option.
Options ParseOptions(std::string_view config);

std::vector<LoraChoice> ParseLoras(std::string_view params);

// How a request with a picture is painted into it; see common/image/mask.h.
struct MaskParams {
  bool invert = false;
  int64_t grow = 0;
  int64_t feather = 0;
};

MaskParams ParseMask(std::string_view params);

// How much of the way is drawn: 0.3 of it if the request does not say, all but nothing with a mask.
double ParseStrength(std::string_view params, bool has_mask);

// Whether the reply is to be latents, in place of pictures.
bool WantsLatents(std::string_view params);

// After every so many steps; 0: none.
int64_t ParsePreviews(std::string_view params);

// `params`: checked against the manifest's schema by the host, which has put a seed in. `prompt`:
// the input. Throws Error (DR_INVALID_ARGUMENT) that names the param.
DrawingRequest ParseRequest(std::string_view params, const std::string& prompt);

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_PARAMS_H_
