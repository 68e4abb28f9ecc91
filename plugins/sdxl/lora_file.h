// SPDX-License-Identifier: Apache-2.0
//
// LoRAs (arXiv:2106.09685) as files have them: two small matrices for each layer that is changed,
// whose product is added to the layer's.
//
// Keys may be kohya's (lora_unet_..., with diffusers' names of layers or the original ones;
// lora_te1_..., lora_te2_...) or diffusers' (unet. ..., text_encoder. ..., in their forms of 2023
// and PEFT's). What a file holds besides is refused by name.
//
// Ownership: a LoraFile has its matrices, in the file's mapping until they are moved. Threads:
// immutable once made; the instance's lane.

#ifndef DARKROOM_PLUGINS_SDXL_LORA_FILE_H_
#define DARKROOM_PLUGINS_SDXL_LORA_FILE_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <string>

#include "sdxl/folder.h"
#include "sdxl/original_names.h"
#include "sdxl/unet_config.h"

namespace darkroom::sdxl {

// The linear layers and convolutions of the denoising network and of the text encoders, by the
// names that they have in LoRAs' files.
class LoraLayers {
 public:
  LoraLayers(const Folder& folder, const UNetConfig& unet);

  bool HasPart(const std::string& part) const { return names_.contains(part); }
  // The name of a layer's weight in the part's checkpoint, or "" where there is no such layer.
  // `layer`: with '_' for '.'.
  std::string Find(const std::string& part, const std::string& layer) const;
  at::IntArrayRef Sizes(const std::string& part, const std::string& tensor) const {
    return shapes_.at(part).at(tensor);
  }

 private:
  void Add(const Folder& folder, const std::string& part);

  OriginalUNetNames original_;
  // Of each part.
  std::map<std::string, std::map<std::string, std::string>> names_;
  std::map<std::string, std::map<std::string, std::vector<int64_t>>> shapes_;
};

// What is added to a tensor: scale * up * down.
struct LoraTerm {
  at::Tensor down;
  at::Tensor up;
  double scale = 1.0;
};

struct LoraFile {
  std::map<std::string, std::map<std::string, LoraTerm>> parts;  // part -> tensor -> term
  uint64_t fingerprint = 0;

  uint64_t Bytes() const;
  // Copies the matrices there: then the file is not read any more.
  void MoveTo(at::Device device);
};

// Throws Error: DR_FAILED_PRECONDITION that names file and tensor for what is not read, is of no
// layer of the model's or of another shape; what Checkpoint throws.
LoraFile ReadLora(const std::string& path, const LoraLayers& layers);

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_LORA_FILE_H_
