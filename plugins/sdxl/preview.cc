// SPDX-License-Identifier: Apache-2.0

#include "sdxl/preview.h"

#include <algorithm>
#include <darkroom/plugin.hpp>
#include <optional>
#include <random>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace darkroom::sdxl {
namespace {

// Always the same pictures, so that a preview is always the same.
constexpr uint32_t kSeed = 4711;
// Of how many patches along an edge each picture is: from a few large ones to many small ones.
constexpr int64_t kPatches[] = {2, 4, 7, 12};
// Fewer places leave the fit to chance; small latents have more pictures instead.
constexpr int64_t kLeastPlaces = 2048;

// Patches of any colour that run into each other.
at::Tensor SmoothPicture(int64_t channels, int64_t patches, int64_t edge, std::mt19937* random) {
  std::vector<float> colours(static_cast<size_t>(channels * patches * patches));
  for (float& colour : colours)
    colour = static_cast<float>((*random)()) / static_cast<float>(std::mt19937::max()) * 2 - 1;
  return at::upsample_bicubic2d(
             at::tensor(colours, at::kFloat).view({1, channels, patches, patches}), {edge, edge},
             false, std::nullopt, std::nullopt)
      .clamp_(-1, 1);
}

// The mean of what lies at each place.
at::Tensor Shrunk(const at::Tensor& picture, int64_t height, int64_t width) {
  return at::adaptive_avg_pool2d(picture, {height, width});
}

// A row for each place: its numbers, and a 1.
at::Tensor Rows(const at::Tensor& latents) {
  const at::Tensor numbers = latents.squeeze(0).flatten(1).t();
  return at::cat({numbers, at::ones({numbers.size(0), 1}, numbers.options())}, 1);
}

}  // namespace

Coder Coder::Of(const Vae& vae, int64_t trained) {
  Coder coder;
  coder.encode = [&vae](const at::Tensor& pixels) {
    return vae.ToDiffusion(vae.Encode(pixels).mean);
  };
  coder.decode = [&vae](const at::Tensor& latents) {
    return vae.Decode(vae.FromDiffusion(latents));
  };
  coder.channels = vae.config().in_channels;
  coder.factor = vae.config().factor();
  coder.places = std::clamp<int64_t>(trained, 1, coder.places);
  return coder;
}

PreviewMap PreviewMap::Fit(const Coder& coder) {
  std::mt19937 random(kSeed);
  std::vector<at::Tensor> rows;
  std::vector<at::Tensor> colours;
  int64_t places = 0;
  while (places < kLeastPlaces) {
    for (const int64_t patches : kPatches) {
      const at::Tensor picture =
          SmoothPicture(coder.channels, patches, coder.places * coder.factor, &random);
      const at::Tensor latents = coder.encode(picture);
      // As a result is: from 0 to 1.
      const at::Tensor decoded = coder.decode(latents).to(at::kFloat).div(2).add_(0.5).clamp_(0, 1);
      const at::Tensor seen = Shrunk(decoded, latents.size(2), latents.size(3));
      rows.push_back(Rows(latents.to(at::kCPU, at::kDouble)));
      colours.push_back(seen.squeeze(0).flatten(1).t().to(at::kCPU, at::kDouble));
      places += latents.size(2) * latents.size(3);
    }
  }
  const at::Tensor known = at::cat(rows);
  const at::Tensor wanted = at::cat(colours);
  // An encoder that overflows in half precision is not missed until then.
  if (!at::isfinite(known).all().item<bool>() || !at::isfinite(wanted).all().item<bool>())
    throw Error(DR_FAILED_PRECONDITION,
                "what the autoencoder makes of small pictures is not finite");
  // A driver that takes rows which do not tell all columns apart, as of an odd autoencoder.
  constexpr std::string_view kDriver = "gelsd";
  return PreviewMap(
      std::get<0>(at::linalg_lstsq(known, wanted, std::nullopt, kDriver)).to(at::kFloat));
}

at::Tensor PreviewMap::operator()(const at::Tensor& latents) const {
  const int64_t longer = std::max(latents.size(2), latents.size(3));
  const int64_t edge = std::min(longer, kMostPreviewEdge);
  const auto fit = [&](int64_t length) { return std::max<int64_t>(length * edge / longer, 1); };
  const int64_t height = fit(latents.size(2));
  const int64_t width = fit(latents.size(3));
  const at::Tensor small = Shrunk(latents.to(at::kFloat), height, width).to(at::kCPU);
  return at::matmul(Rows(small), matrix_)
      .nan_to_num_()
      .clamp_(0, 1)
      .mul_(255)
      .round_()
      .to(at::kByte)
      .view({height, width, matrix_.size(1)});
}

}  // namespace darkroom::sdxl
