// SPDX-License-Identifier: Apache-2.0
//
// What a network is, by the shapes of its tensors, for checkpoints that have no config: the same
// fields that diffusers' config.json has, as JSON.
//
// What no shape says is as Stable Diffusion XL has it: heads of 64, norms of 32 groups, the scaling
// of latents, gelu in the second text encoder and quick_gelu in the first. Where the widths cannot
// be SDXL's heads, nothing is said of heads, and `told` must name them.
//
// `told` are fields that the model's configuration gives; they go before what is found. Pure
// functions; any thread. All throw Error (DR_FAILED_PRECONDITION) for a tensor that is missing, and
// for a field that must be told.

#ifndef DARKROOM_PLUGINS_SDXL_SHAPE_CONFIG_H_
#define DARKROOM_PLUGINS_SDXL_SHAPE_CONFIG_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace darkroom::sdxl {

using NamedTensors = std::map<std::string, at::Tensor>;

// Of the denoising network, with the original's names. `pooled`: the width of the text's vector;
// `sizes`: how many numbers go beside it.
nlohmann::json UNetConfigOf(const NamedTensors& tensors, int64_t pooled, int64_t sizes,
                            const nlohmann::json& told);

// Of the autoencoder, with the original's names.
nlohmann::json VaeConfigOf(const NamedTensors& tensors, const nlohmann::json& told);

// Of a text encoder, with transformers' names.
nlohmann::json TextConfigOf(const NamedTensors& tensors, const char* activation,
                            const nlohmann::json& told);

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_SHAPE_CONFIG_H_
