// SPDX-License-Identifier: Apache-2.0
//
// The tensors of one layer as a checkpoint has them, before a layer is made of them: taken by name
// and expected shape, joined where several layers are computed as one. Names are the caller's
// affair, since each family of models has its own.
//
// The tensors lie in the file's mapping and are read-only. One thread, as WeightReader.

#ifndef DARKROOM_PLUGINS_COMMON_NN_WEIGHTS_H_
#define DARKROOM_PLUGINS_COMMON_NN_WEIGHTS_H_

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "common/weight_reader.h"

namespace darkroom::nn {

// weight: outputs x inputs; bias: outputs, or undefined where there is none.
struct LinearWeights {
  at::Tensor weight;
  at::Tensor bias;
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
};

// NAME.weight and NAME.bias. Throws Error as WeightReader does.
ConvolutionWeights TakeConvolution(WeightReader& reader, const std::string& name, int64_t inputs,
                                   int64_t outputs, int64_t edge);

// A convolution of one pixel is a linear layer over channels.
LinearWeights AsLinear(const ConvolutionWeights& pointwise);

// Layers with the same inputs, as one whose outputs are theirs side by side: query, key and value,
// say. Either all have a bias or none has.
LinearWeights Join(const std::vector<LinearWeights>& layers);

// weight and bias: width.
struct NormWeights {
  at::Tensor weight;
  at::Tensor bias;
};
NormWeights TakeNorm(WeightReader& reader, const std::string& name, int64_t width);

}  // namespace darkroom::nn

#endif  // DARKROOM_PLUGINS_COMMON_NN_WEIGHTS_H_
