// SPDX-License-Identifier: Apache-2.0
//
// The names that layers have in the original implementation of Stable Diffusion XL, and so in
// checkpoints of a single file and in some LoRAs, as diffusers' names. "Names" are of layers or of
// tensors in them.
//
// The original numbers the denoising network's blocks in one row, and what changes the size is a
// block too; diffusers counts stages, and layers within them. Its second text encoder is
// OpenCLIP's, with query, key and value in one.
//
// Plain values and pure functions: any thread.

#ifndef DARKROOM_PLUGINS_SDXL_ORIGINAL_NAMES_H_
#define DARKROOM_PLUGINS_SDXL_ORIGINAL_NAMES_H_

#include <cstddef>
#include <map>
#include <string>

#include "sdxl/unet_config.h"

namespace darkroom::sdxl {

// Of the denoising network.
class OriginalUNetNames {
 public:
  // `dot`: what stands between the parts of a name, '.' in weights and '_' in LoRAs, for both
  // kinds of names.
  OriginalUNetNames(const UNetConfig& unet, char dot);

  // "input_blocks.4.1.proj_in" is "down_blocks.1.attentions.0.proj_in". Empty: there is none.
  std::string Find(const std::string& name) const;

 private:
  char dot_;
  std::map<std::string, std::string> beginnings_;  // of names
  std::map<std::string, std::string> of_resnet_;   // within a residual block
};

// Of an autoencoder of so many stages: "encoder.down.0.block.1.nin_shortcut.weight" is
// "encoder.down_blocks.0.resnets.1.conv_shortcut.weight".
std::string FromOriginalVaeName(const std::string& name, size_t stages);

// Of OpenCLIP's text tower: "transformer.resblocks.0.ln_1.weight" is
// "text_model.encoder.layers.0.layer_norm1.weight". What holds query, key and value together has
// "qkv_proj" in place of their names. Empty: there is none.
std::string FromOpenClipName(const std::string& name);

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_ORIGINAL_NAMES_H_
