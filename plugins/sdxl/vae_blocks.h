// SPDX-License-Identifier: Apache-2.0
//
// The two networks of an autoencoder: one makes few numbers of a picture, the other a picture of
// those. Both are residual blocks with one attention in the middle.
//
// Ownership: their weights. Threads: immutable once made. Constructors throw Error as WeightReader
// does.

#ifndef DARKROOM_PLUGINS_SDXL_VAE_BLOCKS_H_
#define DARKROOM_PLUGINS_SDXL_VAE_BLOCKS_H_

#include <ATen/ATen.h>

#include <optional>
#include <string>
#include <vector>

#include "common/nn/attention.h"
#include "common/nn/convolution.h"
#include "common/nn/group_norm.h"
#include "sdxl/resnet_block.h"
#include "sdxl/vae_config.h"

namespace darkroom::sdxl {

// A residual block, attention of all places among themselves by one head, and another block.
class VaeMiddle {
 public:
  VaeMiddle(WeightReader& reader, const std::string& name, const VaeConfig& config,
            const nn::Placement& placement);

  at::Tensor operator()(const at::Tensor& input) const;

 private:
  at::Tensor Attend(const at::Tensor& input) const;

  std::vector<ResnetBlock> resnets_;
  nn::GroupNorm norm_;
  std::optional<nn::SelfAttention> attention_;
};

class VaeEncoder {
 public:
  VaeEncoder(WeightReader& reader, const VaeConfig& config, const nn::Placement& placement);

  // batch x in_channels x height x width, channels last, edges that factor() divides -> batch x
  // 2 latent_channels x height / factor() x width / factor().
  at::Tensor operator()(const at::Tensor& pixels) const;

 private:
  struct Stage {
    std::vector<ResnetBlock> resnets;
    std::optional<nn::Convolution> down;
  };

  nn::Convolution in_;
  std::vector<Stage> stages_;
  VaeMiddle middle_;
  nn::GroupNorm norm_;
  nn::Convolution out_;
  std::optional<nn::Convolution> quant_;
};

class VaeDecoder {
 public:
  VaeDecoder(WeightReader& reader, const VaeConfig& config, const nn::Placement& placement);

  // batch x latent_channels x height x width, channels last -> batch x out_channels x
  // factor() height x factor() width.
  at::Tensor operator()(const at::Tensor& latents) const;

 private:
  struct Stage {
    std::vector<ResnetBlock> resnets;
    std::optional<nn::Convolution> up;
  };

  std::optional<nn::Convolution> post_quant_;
  nn::Convolution in_;
  VaeMiddle middle_;
  std::vector<Stage> stages_;  // from the coarsest on
  nn::GroupNorm norm_;
  nn::Convolution out_;
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_VAE_BLOCKS_H_
