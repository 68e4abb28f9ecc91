// SPDX-License-Identifier: Apache-2.0

#include "sdxl/vae.h"

#include <malloc.h>

#include <algorithm>

#include "sdxl/tiles.h"

namespace darkroom::sdxl {
namespace {

// Of the logarithm of a variance: beyond these nothing is trained.
constexpr double kLeastLog = -30.0;
constexpr double kMostLog = 20.0;

// Latents by their channels' means and deviations.
at::Tensor ForChannels(const std::vector<double>& values, const at::Tensor& like) {
  return at::tensor(values, at::kDouble)
      .to(like.device(), like.scalar_type())
      .reshape({1, -1, 1, 1});
}

bool Exceeds(const at::Tensor& picture, int64_t edge) {
  return picture.size(2) > edge || picture.size(3) > edge;
}

}  // namespace

Vae::Vae(const Checkpoint& checkpoint, const VaeConfig& config, const nn::Placement& placement)
    : Vae(WeightReader(checkpoint), config, placement) {
  if (placement.Copies()) checkpoint.ReleasePages();
  ::malloc_trim(0);
}

Vae::Vae(WeightReader reader, const VaeConfig& config, const nn::Placement& placement)
    : config_(config),
      placement_(placement),
      encoder_(reader, config, placement),
      decoder_(reader, config, placement) {
  reader.CheckAllTaken();
}

int64_t Vae::DefaultTile() const {
  return std::max<int64_t>(config_.sample_size / TileUnit(), 1) * TileUnit();
}

at::Tensor Vae::Place(const at::Tensor& input) const {
  return placement_.Place(input).contiguous(at::MemoryFormat::ChannelsLast);
}

Posterior Vae::Encode(const at::Tensor& pixels, int64_t tile, const BetweenTiles& between) const {
  TORCH_CHECK(pixels.dim() == 4 && pixels.size(1) == config_.in_channels &&
                  pixels.size(2) % config_.factor() == 0 && pixels.size(3) % config_.factor() == 0,
              "pixels of ", pixels.sizes(), ", expected ", config_.in_channels,
              " channels and edges that ", config_.factor(), " divides");
  at::Tensor moments;
  if (tile == 0 || !Exceeds(pixels, tile)) {
    moments = encoder_(Place(pixels));
  } else {
    moments = InTiles(pixels, {tile, tile / config_.factor()}, [&](const at::Tensor& part) {
      if (between) between();
      return encoder_(Place(part));
    });
  }
  const std::vector<at::Tensor> parts = moments.chunk(2, 1);
  return {parts[0], parts[1].clamp(kLeastLog, kMostLog).mul_(0.5).exp_()};
}

at::Tensor Vae::Decode(const at::Tensor& latents, int64_t tile, const BetweenTiles& between) const {
  TORCH_CHECK(latents.dim() == 4 && latents.size(1) == config_.latent_channels, "latents of ",
              latents.sizes(), ", expected ", config_.latent_channels, " channels");
  const int64_t edge = tile / config_.factor();
  if (tile == 0 || !Exceeds(latents, edge)) return decoder_(Place(latents));
  return InTiles(latents, {edge, tile}, [&](const at::Tensor& part) {
    if (between) between();
    return decoder_(Place(part));
  });
}

at::Tensor Vae::ToDiffusion(const at::Tensor& latents) const {
  if (config_.latents_mean.empty())
    return (latents - config_.shift_factor) * config_.scaling_factor;
  return (latents - ForChannels(config_.latents_mean, latents)) * config_.scaling_factor /
         ForChannels(config_.latents_std, latents);
}

at::Tensor Vae::FromDiffusion(const at::Tensor& latents) const {
  if (config_.latents_mean.empty()) return latents / config_.scaling_factor + config_.shift_factor;
  return latents * ForChannels(config_.latents_std, latents) / config_.scaling_factor +
         ForChannels(config_.latents_mean, latents);
}

}  // namespace darkroom::sdxl
