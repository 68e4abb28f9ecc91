// SPDX-License-Identifier: Apache-2.0
//
// Gpt2Decoder is GPT-2 with a look at a picture in each layer (transformers' GPT2LMHeadModel with
// add_cross_attention): the norm is before each part of a layer, and one more before the scores.
//
// Ownership: its weights. Threads: immutable once made.

#ifndef DARKROOM_PLUGINS_CAPTION_GPT2_DECODER_H_
#define DARKROOM_PLUGINS_CAPTION_GPT2_DECODER_H_

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

struct Gpt2Config {
  StackShape shape;
  int64_t inner_width = 0;
  nn::Activation activation = nn::Activation::kGeluTanh;
  double epsilon = 1e-5;
  bool tied = true;  // scores by the embedding's own vectors
};

class Gpt2Decoder final : public DecoderStack {
 public:
  // Takes the tensors under `prefix`, such as "decoder.". Throws Error as WeightReader does.
  Gpt2Decoder(const Gpt2Config& config, WeightReader& weights, const std::string& prefix,
              const nn::Placement& placement);

  const StackShape& shape() const override { return shape_; }
  at::Tensor KeysAndValues(int64_t layer, const at::Tensor& context) const override;
  at::Tensor Embed(const at::Tensor& tokens, int64_t place) const override;
  at::Tensor RunLayer(int64_t layer, const at::Tensor& x, DecoderMemory& memory) const override;
  at::Tensor Score(const at::Tensor& x) const override;

 private:
  struct Layer {
    nn::LayerNorm norm;
    nn::Linear qkv;
    nn::Linear out;
    nn::LayerNorm context_norm;
    nn::Linear context_query;
    nn::Linear context_kv;
    nn::Linear context_out;
    nn::LayerNorm last_norm;
    nn::FeedForward feed_forward;
  };
  static Layer TakeLayer(const Gpt2Config& config, WeightReader& weights, const std::string& name,
                         const nn::Placement& placement);

  StackShape shape_;
  at::Tensor words_;
  at::Tensor places_;
  std::vector<Layer> layers_;
  nn::LayerNorm norm_;
  nn::Linear scores_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_CAPTION_GPT2_DECODER_H_
