// SPDX-License-Identifier: Apache-2.0
//
// The tensors of one layer as a checkpoint has them, before a layer is made of them: taken by name
// and expected shape, joined where several layers are computed as one. Names are the caller's
// affair, since each family of models has its own.
//
// The tensors lie in the file's mapping and are read-only. Where the reader has PlacedLayers, what
// is taken also says how it is taken again (Origin), and so does what is made of it here.
//
// One thread, as WeightReader.

#ifndef DARKROOM_PLUGINS_COMMON_NN_WEIGHTS_H_
#define DARKROOM_PLUGINS_COMMON_NN_WEIGHTS_H_

#include <ATen/ATen.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/placed_layers.h"
#include "common/weight_reader.h"

namespace darkroom::nn {

// How weights are made again of a checkpoint's tensors.
template <typename Weights>
struct Origin {
  PlacedLayers* layers = nullptr;
  std::vector<std::string> tensors;
  std::function<Weights(const PlacedLayers::Source&)> make;
};

template <typename Weights>
using OriginOf = std::shared_ptr<const Origin<Weights>>;  // nullptr: they stay as they are

// weight: outputs x inputs; bias: outputs, or undefined where there is none.
struct LinearWeights {
  at::Tensor weight;
  at::Tensor bias;
  OriginOf<LinearWeights> origin = nullptr;
};

// NAME.weight and NAME.bias. Throw Error as WeightReader does.
LinearWeights TakeLinear(WeightReader& reader, const std::string& name, int64_t inputs,
                         int64_t outputs, bool has_bias = true);
// The same where the file has the weight turned, inputs x outputs (GPT-2's "Conv1D").
LinearWeights TakeTurnedLinear(WeightReader& reader, const std::string& name, int64_t inputs,
                               int64_t outputs);

// weight: outputs x inputs x edge x edge; bias: outputs, or undefined where there is none.
struct ConvolutionWeights {
  at::Tensor weight;
  at::Tensor bias;
  OriginOf<ConvolutionWeights> origin = nullptr;
};

// NAME.weight and NAME.bias. Throws Error as WeightReader does.
ConvolutionWeights TakeConvolution(WeightReader& reader, const std::string& name, int64_t inputs,
                                   int64_t outputs, int64_t edge);

// A convolution of one pixel is a linear layer over channels.
LinearWeights AsLinear(const ConvolutionWeights& pointwise);

// Layers with the same inputs, as one whose outputs are theirs side by side: query, key and value,
// say. Either all have a bias or none has.
LinearWeights Join(const std::vector<LinearWeights>& layers);

// What `make` makes of a layer's weights, now and whenever they are made again.
template <typename Weights>
LinearWeights Derived(const Weights& from,
                      const std::function<LinearWeights(const Weights&)>& make) {
  LinearWeights made = make(from);
  made.origin = nullptr;
  if (from.origin != nullptr)
    made.origin = std::make_shared<Origin<LinearWeights>>(
        Origin<LinearWeights>{from.origin->layers, from.origin->tensors,
                              [from = from.origin, make](const PlacedLayers::Source& source) {
                                return make(from->make(source));
                              }});
  return made;
}

// Adds a layer that was placed of `weights`, if they can be made again. `placed`: its weight, or
// undefined where it has been packed; `place`: puts others in its place.
template <typename Weights>
void AddTo(const Weights& weights, const at::Tensor& placed,
           std::function<void(const Weights&)> place) {
  if (weights.origin == nullptr) return;
  PlacedLayers& layers = *weights.origin->layers;
  PlacedLayers::Layer layer;
  layer.tensors = weights.origin->tensors;
  layer.place = [origin = weights.origin, place = std::move(place)](
                    const PlacedLayers::Source& source) { place(origin->make(source)); };
  for (const std::string& name : layer.tensors)
    if (placed.defined() && placed.is_alias_of(layers.checkpoint().tensors().at(name)))
      layer.own_bytes = placed.nbytes();
  layers.Add(std::move(layer));
}

// weight and bias: width.
struct NormWeights {
  at::Tensor weight;
  at::Tensor bias;
};
NormWeights TakeNorm(WeightReader& reader, const std::string& name, int64_t width);

}  // namespace darkroom::nn

#endif  // DARKROOM_PLUGINS_COMMON_NN_WEIGHTS_H_
