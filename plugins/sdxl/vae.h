// SPDX-License-Identifier: Apache-2.0
//
// Vae turns pictures into latents and back, with the weights and the meaning of diffusers'
// AutoencoderKL (arXiv:2112.10752). Pixels are -1 to 1 here. Latents are those of the autoencoder
// itself; ToDiffusion and FromDiffusion go between them and those that denoising works on.
//
// Ownership: its weights. Threads: immutable once made; it runs on the instance's lane.

#ifndef DARKROOM_PLUGINS_SDXL_VAE_H_
#define DARKROOM_PLUGINS_SDXL_VAE_H_

#include <ATen/ATen.h>

#include <functional>

#include "common/checkpoint.h"
#include "common/nn/placement.h"
#include "sdxl/vae_blocks.h"
#include "sdxl/vae_config.h"

namespace darkroom::sdxl {

// What the encoder tells of a picture: a normal distribution for each of its latents.
struct Posterior {
  at::Tensor mean;
  at::Tensor deviation;

  // `noise`: normal numbers of the mean's shape.
  at::Tensor Sample(const at::Tensor& noise) const { return mean + deviation * noise; }
};

class Vae {
 public:
  // Called between two tiles; may throw, to stop.
  using BetweenTiles = std::function<void()>;

  // Takes all the tensors that the config asks for. Throws Error (DR_FAILED_PRECONDITION) with the
  // names of those that are missing, left over or of another shape. `placement` is to be that of
  // VaePlacement.
  Vae(const Checkpoint& checkpoint, const VaeConfig& config, const nn::Placement& placement);

  // Pictures of which an edge exceeds `tile` pixels go in tiles of that edge; 0: never. It must be
  // a multiple of TileUnit().
  Posterior Encode(const at::Tensor& pixels, int64_t tile = 0,
                   const BetweenTiles& between = {}) const;
  at::Tensor Decode(const at::Tensor& latents, int64_t tile = 0,
                    const BetweenTiles& between = {}) const;
  int64_t TileUnit() const { return 4 * config_.factor(); }
  // The largest that is not larger than what the reference cuts by.
  int64_t DefaultTile() const;

  // Between the autoencoder's latents and denoising's, which have about unit variance.
  at::Tensor ToDiffusion(const at::Tensor& latents) const;
  at::Tensor FromDiffusion(const at::Tensor& latents) const;

  const VaeConfig& config() const { return config_; }
  const nn::Placement& placement() const { return placement_; }

 private:
  Vae(WeightReader reader, const VaeConfig& config, const nn::Placement& placement);

  at::Tensor Place(const at::Tensor& input) const;

  VaeConfig config_;
  nn::Placement placement_;
  VaeEncoder encoder_;
  VaeDecoder decoder_;
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_VAE_H_
