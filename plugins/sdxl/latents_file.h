// SPDX-License-Identifier: Apache-2.0
//
// Latents on their way between two models: a file in the format of safetensors with one tensor
// "latents", pictures x channels x height x width, of those that denoising works on (they have been
// multiplied by the autoencoder's scaling_factor), as diffusers' pipelines give them with
// output_type "latent".
//
// Pure functions on bytes; any thread.

#ifndef DARKROOM_PLUGINS_SDXL_LATENTS_FILE_H_
#define DARKROOM_PLUGINS_SDXL_LATENTS_FILE_H_

#include <ATen/ATen.h>

#include <string>
#include <string_view>

namespace darkroom::sdxl {

// Of float32, float16 or bfloat16, in float32; a copy. Throws Error (DR_INVALID_ARGUMENT) for what
// is no such file, and for numbers that are not finite.
at::Tensor ReadLatents(std::string_view file);

// `latents`: on any device, of the dtypes above.
std::string WriteLatents(const at::Tensor& latents);

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_LATENTS_FILE_H_
