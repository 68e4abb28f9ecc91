// SPDX-License-Identifier: Apache-2.0

#include "enhance/rrdbnet.h"

#include <algorithm>
#include <darkroom/plugin.hpp>
#include <utility>

namespace darkroom {
namespace {

RrdbNetConfig ReadConfig(const Safetensors& file) {
  const auto shape = [&](const std::string& name) {
    const auto found = file.tensors().find(name);
    if (found == file.tensors().end() || found->second.dim() != 4)
      throw Error(DR_FAILED_PRECONDITION, "weights " + file.path() + ": tensor " + Quoted(name) +
                                              " of an RRDBNet is missing or not 4-dimensional");
    return found->second.sizes();
  };
  RrdbNetConfig config;
  const at::IntArrayRef first = shape("conv_first.weight");
  config.num_feat = first[0];
  if (first[1] == 3) {
    config.scale = 4;
  } else if (first[1] == 12) {
    config.scale = 2;
  } else if (first[1] == 48) {
    config.scale = 1;
  } else {
    throw Error(DR_FAILED_PRECONDITION,
                "weights " + file.path() + ": tensor 'conv_first.weight' has shape " +
                    ShapeText(first) +
                    ", but an RRDBNet reads 3 (x4), 12 (x2) or 48 (x1) channels");
  }
  config.num_grow_ch = shape("body.0.rdb1.conv1.weight")[0];
  config.num_block = 0;
  while (file.tensors().contains("body." + std::to_string(config.num_block) + ".rdb1.conv1.weight"))
    ++config.num_block;
  if (config.num_feat < 1 || config.num_grow_ch < 1)
    throw Error(DR_FAILED_PRECONDITION, "weights " + file.path() + ": a layer has no channels");
  CheckMetadata(file, "architecture", "RRDBNet");
  CheckMetadata(file, "scale", std::to_string(config.scale));
  CheckMetadata(file, "num_feat", std::to_string(config.num_feat));
  CheckMetadata(file, "num_block", std::to_string(config.num_block));
  CheckMetadata(file, "num_grow_ch", std::to_string(config.num_grow_ch));
  return config;
}

class RrdbNetDirect : public Network {
 public:
  RrdbNetDirect(const RrdbNetWeights& weights, const Placement& placement)
      : config_(weights.config),
        conv_first_(weights.conv_first, placement),
        conv_body_(weights.conv_body, placement),
        conv_up1_(weights.conv_up1, placement),
        conv_up2_(weights.conv_up2, placement),
        conv_hr_(weights.conv_hr, placement),
        conv_last_(weights.conv_last, placement),
        body_(weights.body.size()) {
    for (size_t b = 0; b < body_.size(); ++b)
      for (size_t r = 0; r < 3; ++r)
        for (size_t c = 0; c < 5; ++c)
          body_[b][r][c] = DirectConvolution(weights.body[b][r][c], placement);
  }

  std::string Describe() const override { return config_.Describe(); }
  int64_t scale() const override { return config_.scale; }
  int64_t multiple() const override { return config_.unshuffle(); }
  int64_t padding() const override { return config_.padding(); }

  at::Tensor Forward(const at::Tensor& input, const Region& keep) const override {
    at::Tensor x = input;
    if (config_.unshuffle() > 1) x = at::pixel_unshuffle(x, config_.unshuffle());
    const at::Tensor first = conv_first_(x.contiguous(at::MemoryFormat::ChannelsLast));
    x = first;
    for (const auto& block : body_) {
      at::Tensor y = x;
      for (const auto& dense : block) y = Dense(dense, y);
      x = y.mul_(kRrdbNetResidual).add_(x);
    }
    x = conv_body_(x).add_(first);
    // A GPU wants large pieces, and has the memory for them.
    return RunTail(x, config_.Folded(keep), input.is_cpu() ? 64 : 1024,
                   [&](const at::Tensor& part) {
                     const at::Tensor twice = Activated(conv_up1_, Doubled(part));
                     return conv_last_(Activated(conv_hr_, Activated(conv_up2_, Doubled(twice))));
                   });
  }

 private:
  static at::Tensor Activated(const DirectConvolution& convolution, const at::Tensor& x) {
    at::Tensor y = convolution(x);
    return at::leaky_relu_(y, kRrdbNetSlope);
  }

  static at::Tensor Doubled(const at::Tensor& x) {
    return at::upsample_nearest2d(x, {x.size(2) * 2, x.size(3) * 2});
  }

  static at::Tensor Dense(const DenseBlock<DirectConvolution>& block, const at::Tensor& x) {
    std::vector<at::Tensor> features = {x};
    for (size_t c = 0; c < 4; ++c)
      features.push_back(Activated(block[c], features.size() == 1 ? x : at::cat(features, 1)));
    return block[4](at::cat(features, 1)).mul_(kRrdbNetResidual).add_(x);
  }

  RrdbNetConfig config_;
  DirectConvolution conv_first_, conv_body_, conv_up1_, conv_up2_, conv_hr_, conv_last_;
  std::vector<BodyBlock<DirectConvolution>> body_;
};

}  // namespace

std::string RrdbNetConfig::Describe() const {
  return "RRDBNet x" + std::to_string(scale) + ", " + std::to_string(num_block) + " blocks, " +
         std::to_string(num_feat) + " features, growth " + std::to_string(num_grow_ch);
}

Region RrdbNetConfig::Folded(const Region& keep) const {
  return {keep.top / unshuffle(), keep.left / unshuffle(), keep.height / unshuffle(),
          keep.width / unshuffle()};
}

// The network looks further than any tile could allow for: about 350 pixels at 23 blocks. What
// counts is how far its trained weights carry a disturbance. Measured on six crops of three
// photographs, by the distance from a cut beyond which no sample of the 8-bit result differs by
// more than one: 34 to 44 pixels at 6 blocks (x4plus-anime), 42 to 60 at 23 (x4plus). At 32 pixels
// the largest difference was 14, at 10 it was more than 50.
int64_t RrdbNetConfig::padding() const { return (num_block <= 6 ? 48 : 64) * unshuffle(); }

at::Tensor RunTail(const at::Tensor& features, const Region& keep, int64_t square,
                   const std::function<at::Tensor(const at::Tensor&)>& tail) {
  constexpr int64_t kScale = 4;
  at::Tensor result =
      at::empty({1, 3, keep.height * kScale, keep.width * kScale}, features.options());
  for (int64_t y = 0; y < keep.height; y += square) {
    const int64_t rows = std::min(square, keep.height - y);
    const int64_t top = std::max<int64_t>(keep.top + y - kTailReach, 0);
    const int64_t bottom = std::min(keep.top + y + rows + kTailReach, features.size(2));
    for (int64_t x = 0; x < keep.width; x += square) {
      const int64_t columns = std::min(square, keep.width - x);
      const int64_t left = std::max<int64_t>(keep.left + x - kTailReach, 0);
      const int64_t right = std::min(keep.left + x + columns + kTailReach, features.size(3));
      const at::Tensor part = tail(features.slice(2, top, bottom).slice(3, left, right));
      result.narrow(2, y * kScale, rows * kScale)
          .narrow(3, x * kScale, columns * kScale)
          .copy_(part.narrow(2, (keep.top + y - top) * kScale, rows * kScale)
                     .narrow(3, (keep.left + x - left) * kScale, columns * kScale));
    }
  }
  return result;
}

RrdbNetWeights ReadRrdbNet(const Safetensors& file) {
  RrdbNetWeights weights;
  const RrdbNetConfig config = weights.config = ReadConfig(file);
  const int64_t features = config.num_feat;
  WeightReader reader(file);
  weights.conv_first =
      TakeConvolution(reader, "conv_first", 3 * config.unshuffle() * config.unshuffle(), features);
  for (int64_t b = 0; b < config.num_block; ++b) {
    BodyBlock<ConvolutionWeights> block;
    for (size_t r = 0; r < 3; ++r) {
      for (size_t c = 0; c < 5; ++c) {
        const std::string name = "body." + std::to_string(b) + ".rdb" + std::to_string(r + 1) +
                                 ".conv" + std::to_string(c + 1);
        block[r][c] =
            TakeConvolution(reader, name, features + static_cast<int64_t>(c) * config.num_grow_ch,
                            c == 4 ? features : config.num_grow_ch);
      }
    }
    weights.body.push_back(std::move(block));
  }
  weights.conv_body = TakeConvolution(reader, "conv_body", features, features);
  weights.conv_up1 = TakeConvolution(reader, "conv_up1", features, features);
  weights.conv_up2 = TakeConvolution(reader, "conv_up2", features, features);
  weights.conv_hr = TakeConvolution(reader, "conv_hr", features, features);
  weights.conv_last = TakeConvolution(reader, "conv_last", features, 3);
  reader.CheckAllTaken();
  return weights;
}

std::unique_ptr<Network> LoadRrdbNet(const Safetensors& file, const Placement& placement) {
  const RrdbNetWeights weights = ReadRrdbNet(file);
  if (placement.engine == Engine::kWinograd) return MakeRrdbNetWinograd(weights);
  return MakeRrdbNetDirect(weights, placement);
}

std::unique_ptr<Network> MakeRrdbNetDirect(const RrdbNetWeights& weights,
                                           const Placement& placement) {
  return std::make_unique<RrdbNetDirect>(weights, placement);
}

}  // namespace darkroom
