// SPDX-License-Identifier: Apache-2.0
//
// BlipDecoder is BLIP's text decoder: BERT (arXiv:1810.04805), with the norm after each part of a
// layer, and between attention and feed-forward a look at the picture.
//
// Ownership: its weights. Threads: immutable once made.

#ifndef DARKROOM_PLUGINS_CAPTION_BLIP_DECODER_H_
#define DARKROOM_PLUGINS_CAPTION_BLIP_DECODER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/generate/cached_decoder.h"
#include "common/nn/activation.h"
#include "common/nn/feed_forward.h"
#include "common/nn/layer_norm.h"
#include "common/nn/linear.h"
#include "common/weight_reader.h"

namespace darkroom {

struct BlipDecoderConfig {
  StackShape shape;
  int64_t inner_width = 0;
  int64_t context_width = 0;
  nn::Activation activation = nn::Activation::kGelu;
  double epsilon = 1e-12;
  bool tied = true;  // scores by the embedding's own vectors
};

class BlipDecoder final : public DecoderStack {
 public:
  // Takes the tensors under `prefix`, such as "text_decoder.". Throws Error as WeightReader does.
  BlipDecoder(const BlipDecoderConfig& config, WeightReader& weights, const std::string& prefix,
              const nn::Placement& placement);

  const StackShape& shape() const override { return shape_; }
  at::Tensor KeysAndValues(int64_t layer, const at::Tensor& context) const override;
  at::Tensor Embed(const at::Tensor& tokens, int64_t place) const override;
  at::Tensor RunLayer(int64_t layer, const at::Tensor& x, DecoderMemory& memory) const override;
  at::Tensor Score(const at::Tensor& x) const override;

 private:
  struct Layer {
    nn::Linear qkv;
    nn::Linear out;
    nn::LayerNorm norm;
    nn::Linear context_query;
    nn::Linear context_kv;
    nn::Linear context_out;
    nn::LayerNorm context_norm;
    nn::FeedForward feed_forward;
    nn::LayerNorm last_norm;
  };
  static Layer TakeLayer(const BlipDecoderConfig& config, WeightReader& weights,
                         const std::string& name, const nn::Placement& placement);

  StackShape shape_;
  at::Tensor words_;
  at::Tensor places_;
  nn::LayerNorm norm_;
  std::vector<Layer> layers_;
  nn::Linear transform_;
  nn::LayerNorm transform_norm_;
  nn::Linear scores_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_CAPTION_BLIP_DECODER_H_
