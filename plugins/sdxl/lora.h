// SPDX-License-Identifier: Apache-2.0
//
// LoRAs (arXiv:2106.09685) are added to a model's weights: each is a file with two small matrices
// for each layer that it changes, whose product is added to the layer's.
//
// Keys may be kohya's (lora_unet_..., with diffusers' names of layers or the original ones;
// lora_te1_..., lora_te2_...) or diffusers' (unet. ..., text_encoder. ..., in their forms of 2023
// and PEFT's). What a file holds besides is refused by name.
//
// Pure functions; the instance's lane.

#ifndef DARKROOM_PLUGINS_SDXL_LORA_H_
#define DARKROOM_PLUGINS_SDXL_LORA_H_

#include <string>
#include <vector>

#include "sdxl/folder.h"
#include "sdxl/unet_config.h"

namespace darkroom::sdxl {

struct LoraChoice {
  std::string name;  // of FOLDER/NAME.safetensors
  double weight = 1.0;
};

// The file of a name.
std::string PathOf(const std::string& loras, const std::string& name);

// Another text for other choices, and for a file that was changed meanwhile. Throws Error
// (DR_INVALID_ARGUMENT) for a name that is none, or of which there is no file, with those there
// are.
std::string IdentityOf(const std::string& loras, const std::vector<LoraChoice>& choices);

// `base` with the choices' LoRAs, of the folder `loras`, added to the weights that it opens; its
// files stay as they are. Throws Error (DR_FAILED_PRECONDITION) that names file and tensor for what
// is not read, or is of no layer of the model's.
Folder WithLoras(const Folder& base, const UNetConfig& unet, const std::string& loras,
                 const std::vector<LoraChoice>& choices);

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_LORA_H_
