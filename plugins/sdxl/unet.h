// SPDX-License-Identifier: Apache-2.0
//
// UNet is the denoising network of Stable Diffusion XL (arXiv:2307.01952), with the weights and the
// meaning of diffusers' UNet2DConditionModel: of noisy latents, how far noise has gone, and what a
// text asks for, it tells the noise (or what else it was trained to tell).
//
// What depends on the text alone is made once, by Prepare. Each row of a batch has a timestep and a
// condition of its own: rows of jobs that are at different steps go together.
//
// Ownership: its weights. Threads: immutable once made, but by PlacedLayers; it runs on the
// instance's lane.

#ifndef DARKROOM_PLUGINS_SDXL_UNET_H_
#define DARKROOM_PLUGINS_SDXL_UNET_H_

#include <ATen/ATen.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/nn/placement.h"
#include "common/weight_reader.h"
#include "sdxl/time_embedding.h"
#include "sdxl/unet_blocks.h"
#include "sdxl/unet_config.h"

namespace darkroom::sdxl {

// What a text asks for, as the network uses it. One row for each text.
struct Condition {
  std::vector<at::Tensor> keys;  // of each transformer layer: rows x length x 2 width
  at::Tensor added;              // rows x time width; undefined where the config has no addition
};

// The rows of several, one behind the other. Their texts must be of one length.
Condition Join(std::span<const Condition* const> conditions);

class UNet {
 public:
  // Takes all the tensors that the config asks for. `layers`: of this checkpoint, to be filled with
  // those of the network, or nullptr; it must outlive it. Throws Error (DR_FAILED_PRECONDITION)
  // with the names of those that are missing, left over or of another shape.
  UNet(const Checkpoint& checkpoint, const UNetConfig& config, const nn::Placement& placement,
       PlacedLayers* layers = nullptr);

  // Whether a tensor is of a layer that Prepare alone uses.
  static bool IsOfConditions(const std::string& tensor);

  // `text`: rows x length x context; `pooled`: rows x width; `time_ids`: rows x numbers (SDXL's
  // six: height and width of the original, top and left of the crop, height and width of the
  // target). The last two are not looked at where the config has no addition.
  Condition Prepare(const at::Tensor& text, const at::Tensor& pooled,
                    const at::Tensor& time_ids) const;

  // `latents`: rows x in_channels x height x width; `timesteps`: rows, whole or not; `guidance`:
  // rows x guidance_width, or undefined for none. Returns rows x out_channels x height x width in
  // the placement's dtype, channels last.
  at::Tensor operator()(const at::Tensor& latents, const at::Tensor& timesteps,
                        const Condition& condition, const at::Tensor& guidance = {}) const;

  const UNetConfig& config() const { return config_; }
  const nn::Placement& placement() const { return placement_; }

 private:
  UNet(WeightReader reader, const UNetConfig& config, const nn::Placement& placement);

  UNetConfig config_;
  nn::Placement placement_;
  TimeEmbedding time_;
  std::optional<TimeEmbedding> addition_;
  nn::Convolution in_;
  std::vector<DownBlock> down_;
  std::optional<MidBlock2D> middle_;
  std::vector<UpBlock> up_;
  nn::GroupNorm norm_;
  nn::Convolution out_;
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_UNET_H_
