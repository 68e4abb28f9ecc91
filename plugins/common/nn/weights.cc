// SPDX-License-Identifier: Apache-2.0

#include "common/nn/weights.h"

#include <utility>

namespace darkroom::nn {
namespace {

// `make` takes the tensors of these names.
template <typename Weights>
OriginOf<Weights> Remembered(const WeightReader& reader, std::vector<std::string> tensors,
                             std::function<Weights(const PlacedLayers::Source&)> make) {
  if (reader.layers() == nullptr) return nullptr;
  return std::make_shared<Origin<Weights>>(
      Origin<Weights>{reader.layers(), std::move(tensors), std::move(make)});
}

}  // namespace

LinearWeights TakeLinear(WeightReader& reader, const std::string& name, int64_t inputs,
                         int64_t outputs, bool has_bias) {
  LinearWeights layer;
  layer.weight = reader.Take(name + ".weight", {outputs, inputs});
  std::vector<std::string> tensors = {name + ".weight"};
  if (has_bias) {
    layer.bias = reader.Take(name + ".bias", {outputs});
    tensors.push_back(name + ".bias");
  }
  layer.origin = Remembered<LinearWeights>(
      reader, std::move(tensors), [name, has_bias](const PlacedLayers::Source& source) {
        return LinearWeights{source(name + ".weight"),
                             has_bias ? source(name + ".bias") : at::Tensor()};
      });
  return layer;
}

LinearWeights TakeTurnedLinear(WeightReader& reader, const std::string& name, int64_t inputs,
                               int64_t outputs) {
  return {reader.Take(name + ".weight", {inputs, outputs}).t().contiguous(),
          reader.Take(name + ".bias", {outputs})};
}

ConvolutionWeights TakeConvolution(WeightReader& reader, const std::string& name, int64_t inputs,
                                   int64_t outputs, int64_t edge) {
  return {
      reader.Take(name + ".weight", {outputs, inputs, edge, edge}),
      reader.Take(name + ".bias", {outputs}),
      Remembered<ConvolutionWeights>(
          reader, {name + ".weight", name + ".bias"}, [name](const PlacedLayers::Source& source) {
            return ConvolutionWeights{source(name + ".weight"), source(name + ".bias")};
          })};
}

LinearWeights AsLinear(const ConvolutionWeights& pointwise) {
  return Derived<ConvolutionWeights>(pointwise, [](const ConvolutionWeights& weights) {
    return LinearWeights{weights.weight.flatten(1), weights.bias};
  });
}

LinearWeights Join(const std::vector<LinearWeights>& layers) {
  std::vector<at::Tensor> weights;
  std::vector<at::Tensor> biases;
  for (const LinearWeights& layer : layers) {
    weights.push_back(layer.weight);
    if (layer.bias.defined()) biases.push_back(layer.bias);
  }
  TORCH_CHECK(biases.empty() || biases.size() == weights.size(),
              "layers with and without a bias cannot be joined");
  LinearWeights joined = {at::cat(weights), biases.empty() ? at::Tensor() : at::cat(biases)};
  std::vector<OriginOf<LinearWeights>> origins;
  std::vector<std::string> tensors;
  for (const LinearWeights& layer : layers) {
    if (layer.origin == nullptr) return joined;
    origins.push_back(layer.origin);
    tensors.insert(tensors.end(), layer.origin->tensors.begin(), layer.origin->tensors.end());
  }
  joined.origin = std::make_shared<Origin<LinearWeights>>(
      Origin<LinearWeights>{layers.front().origin->layers, std::move(tensors),
                            [origins](const PlacedLayers::Source& source) {
                              std::vector<LinearWeights> again;
                              for (const OriginOf<LinearWeights>& origin : origins)
                                again.push_back(origin->make(source));
                              return Join(again);
                            }});
  return joined;
}

NormWeights TakeNorm(WeightReader& reader, const std::string& name, int64_t width) {
  return {reader.Take(name + ".weight", {width}), reader.Take(name + ".bias", {width})};
}

}  // namespace darkroom::nn
