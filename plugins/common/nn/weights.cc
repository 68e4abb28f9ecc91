// SPDX-License-Identifier: Apache-2.0

#include "common/nn/weights.h"

namespace darkroom::nn {

LinearWeights TakeLinear(WeightReader& reader, const std::string& name, int64_t inputs,
                         int64_t outputs, bool has_bias) {
  LinearWeights layer;
  layer.weight = reader.Take(name + ".weight", {outputs, inputs});
  if (has_bias) layer.bias = reader.Take(name + ".bias", {outputs});
  return layer;
}

LinearWeights TakeTurnedLinear(WeightReader& reader, const std::string& name, int64_t inputs,
                               int64_t outputs) {
  return {reader.Take(name + ".weight", {inputs, outputs}).t().contiguous(),
          reader.Take(name + ".bias", {outputs})};
}

ConvolutionWeights TakeConvolution(WeightReader& reader, const std::string& name, int64_t inputs,
                                   int64_t outputs, int64_t edge) {
  return {reader.Take(name + ".weight", {outputs, inputs, edge, edge}),
          reader.Take(name + ".bias", {outputs})};
}

LinearWeights AsLinear(const ConvolutionWeights& pointwise) {
  return {pointwise.weight.flatten(1), pointwise.bias};
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
  return {at::cat(weights), biases.empty() ? at::Tensor() : at::cat(biases)};
}

NormWeights TakeNorm(WeightReader& reader, const std::string& name, int64_t width) {
  return {reader.Take(name + ".weight", {width}), reader.Take(name + ".bias", {width})};
}

}  // namespace darkroom::nn
