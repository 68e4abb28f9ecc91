// SPDX-License-Identifier: Apache-2.0
//
// UNet is the denoising network of Stable Diffusion XL (arXiv:2307.01952), with the weights and the
// meaning of diffusers' UNet2DConditionModel. Each row of a batch has a timestep and a condition of
// its own: rows of jobs that are at different steps go together.
//
// Ownership: its weights. Threads: immutable once made, but by PlacedLayers; it runs on the
// instance's lane.

#ifndef DARKROOM_PLUGINS_SDXL_UNET_H_
#define DARKROOM_PLUGINS_SDXL_UNET_H_

#include <ATen/ATen.h>

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "common/nn/placement.h"
#include "common/weight_reader.h"
#include "sdxl/denoiser.h"
#include "sdxl/time_embedding.h"
#include "sdxl/unet_blocks.h"
#include "sdxl/unet_config.h"

namespace darkroom::sdxl {

class UNet final : public Denoiser {
 public:
  // Takes all the tensors that the config asks for. `layers`: of this checkpoint, to be filled with
  // those of the network, or nullptr; it must outlive it. Throws Error (DR_FAILED_PRECONDITION)
  // with the names of those that are missing, left over or of another shape.
  UNet(const Checkpoint& checkpoint, const UNetConfig& config, const nn::Placement& placement,
       PlacedLayers* layers = nullptr);

  // Whether a tensor is of a layer that Prepare alone uses.
  static bool IsOfConditions(const std::string& tensor);

  Condition Prepare(const at::Tensor& text, const at::Tensor& pooled,
                    const at::Tensor& time_ids) const override;
  // What it returns lies channels last.
  at::Tensor operator()(const at::Tensor& latents, const at::Tensor& timesteps,
                        const Condition& condition, const at::Tensor& guidance) const override;
  int64_t most_rows() const override { return std::numeric_limits<int64_t>::max(); }
  std::string identity() const override { return {}; }

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
