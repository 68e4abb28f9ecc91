// SPDX-License-Identifier: Apache-2.0

#include "enhance/srvgg_net_compact.h"

#include <darkroom/plugin.hpp>
#include <string>
#include <utility>
#include <vector>

#include "enhance/winograd.h"

namespace darkroom {
namespace {

struct Config {
  int64_t num_feat = 64;
  int64_t num_conv = 16;
  int64_t upscale = 4;

  // Each convolution looks one pixel further: beyond this, a window's edge has no influence at all.
  int64_t Reach() const { return num_conv + 2; }

  std::string Describe() const {
    return "SRVGGNetCompact x" + std::to_string(upscale) + ", " + std::to_string(num_conv) +
           " convolutions, " + std::to_string(num_feat) + " features";
  }
};

struct Weights {
  Config config;
  std::vector<ConvolutionWeights> convolutions;
  std::vector<at::Tensor> slopes;  // one fewer
};

std::string Name(int64_t index) { return "body." + std::to_string(index); }

Config ReadConfig(const Safetensors& file) {
  // The last layer is the only convolution that no activation follows.
  int64_t last = 0;
  while (file.tensors().contains(Name(last + 2) + ".weight")) last += 2;
  const at::Tensor& first = file.tensors().at(Name(0) + ".weight");
  const at::Tensor& final = file.tensors().at(Name(last) + ".weight");
  if (last < 2 || first.dim() != 4 || final.dim() != 4 || first.size(0) < 1)
    throw Error(DR_FAILED_PRECONDITION,
                "weights " + file.path() +
                    ": the tensors 'body.N.weight' are not those of a SRVGGNetCompact");
  Config config;
  config.num_feat = first.size(0);
  config.num_conv = last / 2 - 1;
  config.upscale = 1;
  while (config.upscale < 8 && 3 * config.upscale * config.upscale < final.size(0))
    ++config.upscale;
  if (3 * config.upscale * config.upscale != final.size(0))
    throw Error(DR_FAILED_PRECONDITION,
                "weights " + file.path() + ": tensor " + Quoted(Name(last) + ".weight") +
                    " makes " + std::to_string(final.size(0)) +
                    " channels, which is not 3 times the square of a scale up to 8");
  CheckMetadata(file, "architecture", "SRVGGNetCompact");
  CheckMetadata(file, "num_feat", std::to_string(config.num_feat));
  CheckMetadata(file, "num_conv", std::to_string(config.num_conv));
  CheckMetadata(file, "upscale", std::to_string(config.upscale));
  CheckMetadata(file, "act_type", "prelu");
  return config;
}

Weights ReadWeights(const Safetensors& file) {
  Weights weights;
  const Config config = weights.config = ReadConfig(file);
  WeightReader reader(file);
  for (int64_t i = 0; i <= config.num_conv + 1; ++i) {
    const bool last = i == config.num_conv + 1;
    weights.convolutions.push_back(
        TakeConvolution(reader, Name(2 * i), i == 0 ? 3 : config.num_feat,
                        last ? 3 * config.upscale * config.upscale : config.num_feat));
    if (!last)
      weights.slopes.push_back(reader.Take(Name(2 * i + 1) + ".weight", {config.num_feat}));
  }
  reader.CheckAllTaken();
  return weights;
}

at::Tensor Crop(const at::Tensor& x, const Region& keep) {
  return x.narrow(2, keep.top, keep.height).narrow(3, keep.left, keep.width);
}

// The last layer's channels as pixels, added to the input with its pixels repeated.
at::Tensor Assemble(const at::Tensor& channels, const at::Tensor& input, const Region& keep,
                    int64_t upscale) {
  return at::pixel_shuffle(Crop(channels, keep), upscale)
      .add_(
          at::upsample_nearest2d(Crop(input, keep), {keep.height * upscale, keep.width * upscale}));
}

class SrvggNetDirect : public Network {
 public:
  SrvggNetDirect(const Weights& weights, const Placement& placement) : config_(weights.config) {
    for (const auto& convolution : weights.convolutions)
      convolutions_.emplace_back(convolution, placement);
    for (const auto& slope : weights.slopes)
      slopes_.push_back(slope.to(placement.device, placement.dtype));
  }

  std::string Describe() const override { return config_.Describe(); }
  int64_t scale() const override { return config_.upscale; }
  int64_t multiple() const override { return 1; }
  int64_t padding() const override { return config_.Reach(); }

  at::Tensor Forward(const at::Tensor& input, const Region& keep) const override {
    at::Tensor x = input.contiguous(at::MemoryFormat::ChannelsLast);
    for (size_t i = 0; i < slopes_.size(); ++i) x = at::prelu(convolutions_[i](x), slopes_[i]);
    return Assemble(convolutions_.back()(x), input, keep, config_.upscale);
  }

 private:
  Config config_;
  std::vector<DirectConvolution> convolutions_;
  std::vector<at::Tensor> slopes_;
};

// By our own loops: two planes take turns.
class SrvggNetWinograd : public Network {
 public:
  explicit SrvggNetWinograd(const Weights& weights) : config_(weights.config) {
    for (size_t i = 0; i < weights.convolutions.size(); ++i) {
      const ConvolutionWeights& layer = weights.convolutions[i];
      layers_.emplace_back(layer.weight, layer.bias,
                           i < weights.slopes.size() ? weights.slopes[i] : at::Tensor(),
                           std::vector<int64_t>{layer.weight.size(1)});
    }
  }

  std::string Describe() const override { return config_.Describe(); }
  int64_t scale() const override { return config_.upscale; }
  int64_t multiple() const override { return 1; }
  int64_t padding() const override { return config_.Reach(); }

  at::Tensor Forward(const at::Tensor& input, const Region& keep) const override {
    const int64_t height = input.size(2);
    const int64_t width = input.size(3);
    const int64_t made = 3 * config_.upscale * config_.upscale;
    Plane from(height, width, config_.num_feat);
    {
      Plane first(height, width, 3);
      first.View(first.channels()).zero_();  // the lanes beyond the picture's channels too
      first.View(3).copy_(input);
      layers_.front().Run(first, from);
    }
    Plane to(height, width, config_.num_feat);
    for (size_t i = 1; i + 1 < layers_.size(); ++i) {
      layers_[i].Run(from, to);
      std::swap(from, to);
    }
    Plane last(height, width, made);
    layers_.back().Run(from, last);
    return Assemble(last.View(made), input, keep, config_.upscale);
  }

 private:
  Config config_;
  std::vector<WinogradConvolution> layers_;
};

}  // namespace

std::unique_ptr<Network> LoadSrvggNetCompact(const Safetensors& file, const Placement& placement) {
  const Weights weights = ReadWeights(file);
  if (placement.engine == Engine::kWinograd) return std::make_unique<SrvggNetWinograd>(weights);
  return std::make_unique<SrvggNetDirect>(weights, placement);
}

}  // namespace darkroom
