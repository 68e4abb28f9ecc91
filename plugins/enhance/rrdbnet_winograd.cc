// SPDX-License-Identifier: Apache-2.0
//
// RRDBNet by our own loops. A dense block keeps the transformed features of all its layers in one
// buffer; its last layer writes over the block's input, which is only needed there as a residual.
// The doublings happen while the next layer reads. So the work is the layers' own, and the memory a
// few planes.

#include <initializer_list>
#include <utility>

#include "enhance/rrdbnet.h"
#include "enhance/winograd.h"

namespace darkroom {
namespace {

// Of the body's pixels: the planes of one square are 19 MB each, so that they are still in the
// cache when they are read.
constexpr int64_t kTailSquare = 64;

WinogradConvolution Layer(const ConvolutionWeights& weights, bool activated,
                          const std::vector<int64_t>& groups) {
  return {weights.weight, weights.bias, activated ? at::tensor({kRrdbNetSlope}) : at::Tensor(),
          groups};
}

class RrdbNetWinograd : public Network {
 public:
  explicit RrdbNetWinograd(const RrdbNetWeights& weights)
      : config_(weights.config),
        conv_first_(Layer(weights.conv_first, false, {weights.conv_first.weight.size(1)})),
        conv_body_(Layer(weights.conv_body, false, {config_.num_feat})),
        conv_up1_(Layer(weights.conv_up1, true, {config_.num_feat})),
        conv_up2_(Layer(weights.conv_up2, true, {config_.num_feat})),
        conv_hr_(Layer(weights.conv_hr, true, {config_.num_feat})),
        conv_last_(Layer(weights.conv_last, false, {config_.num_feat})) {
    for (const auto& block : weights.body) {
      for (const auto& dense : block) {
        std::vector<int64_t> groups = {config_.num_feat};
        std::vector<WinogradConvolution> layers;
        for (size_t c = 0; c < 5; ++c) {
          layers.push_back(Layer(dense[c], c < 4, groups));
          groups.push_back(config_.num_grow_ch);
        }
        dense_.push_back(std::move(layers));
      }
    }
  }

  std::string Describe() const override { return config_.Describe(); }
  int64_t scale() const override { return config_.scale; }
  int64_t multiple() const override { return config_.unshuffle(); }
  int64_t padding() const override { return config_.padding(); }

  at::Tensor Forward(const at::Tensor& input, const Region& keep) const override {
    const at::Tensor folded =
        config_.unshuffle() > 1 ? at::pixel_unshuffle(input, config_.unshuffle()) : input;
    Plane body(folded.size(2), folded.size(3), config_.num_feat);
    Body(folded, body);
    return RunTail(body.View(body.channels()), config_.Folded(keep), kTailSquare,
                   [&](const at::Tensor& part) { return Tail(part); });
  }

 private:
  // conv_first, the blocks and conv_body; the memory of the dense blocks is given back at the end.
  void Body(const at::Tensor& folded, const Plane& out) const {
    const int64_t height = folded.size(2);
    const int64_t width = folded.size(3);
    const int64_t features = config_.num_feat;
    Plane first(height, width, features);
    {
      Plane input(height, width, folded.size(1));
      // The lanes beyond the picture's channels meet weights of zero, but zero times what lies in
      // fresh memory need not be zero.
      input.View(input.channels()).zero_();
      input.View(folded.size(1)).copy_(folded);
      conv_first_.Run(input, first);
    }
    Plane x(height, width, features);      // the block of the body's input and result
    Plane dense(height, width, features);  // the dense block's
    x.View(x.channels()).copy_(first.View(first.channels()));
    Plane growth(height, width, config_.num_grow_ch);
    WinogradPoints points(height, width, x.channels() + 4 * growth.channels());
    for (size_t i = 0; i < dense_.size(); ++i) {
      const auto& layers = dense_[i];
      const bool begins = i % 3 == 0;
      const bool ends = i % 3 == 2;
      points.Fill(begins ? x : dense, 0);
      for (size_t c = 0; c < 4; ++c) {
        layers[c].Run(points, growth);
        points.Fill(growth, x.channels() + static_cast<int64_t>(c) * growth.channels());
      }
      WinogradResiduals residuals;
      residuals.scale = kRrdbNetResidual;
      residuals.inner = begins ? &x : &dense;
      if (ends) {
        residuals.outer = &x;
        residuals.outer_scale = kRrdbNetResidual;
      }
      layers[4].Run(points, ends ? x : dense, residuals);
    }
    WinogradResiduals residuals;
    residuals.inner = &first;
    conv_body_.Run(x, out, false, residuals);
  }

  at::Tensor Tail(const at::Tensor& part) const {
    const int64_t height = part.size(2);
    const int64_t width = part.size(3);
    const Plane body(height, width, config_.num_feat);
    body.View(body.channels()).copy_(part);
    const Plane twice(height * 2, width * 2, config_.num_feat);
    conv_up1_.Run(body, twice, true);
    const Plane large(height * 4, width * 4, config_.num_feat);
    conv_up2_.Run(twice, large, true);
    const Plane finished(height * 4, width * 4, config_.num_feat);
    conv_hr_.Run(large, finished);
    const Plane result(height * 4, width * 4, 3);
    conv_last_.Run(finished, result);
    return result.View(3);
  }

  RrdbNetConfig config_;
  WinogradConvolution conv_first_, conv_body_, conv_up1_, conv_up2_, conv_hr_, conv_last_;
  std::vector<std::vector<WinogradConvolution>> dense_;
};

}  // namespace

std::unique_ptr<Network> MakeRrdbNetWinograd(const RrdbNetWeights& weights) {
  return std::make_unique<RrdbNetWinograd>(weights);
}

}  // namespace darkroom
