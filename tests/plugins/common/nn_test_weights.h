// SPDX-License-Identifier: Apache-2.0
//
// Random weights for the tests of layers, the same in every run.

#ifndef DARKROOM_TESTS_PLUGINS_COMMON_NN_TEST_WEIGHTS_H_
#define DARKROOM_TESTS_PLUGINS_COMMON_NN_TEST_WEIGHTS_H_

#include <ATen/ATen.h>

#include "common/nn/weights.h"

namespace darkroom::nn {

// Normal numbers around 0, another draw for each seed.
inline at::Tensor Random(at::IntArrayRef shape, uint64_t seed) {
  auto generator = at::detail::createCPUGenerator(seed);
  return at::randn(shape, generator, at::TensorOptions().dtype(at::kFloat));
}

inline LinearWeights RandomLinear(int64_t inputs, int64_t outputs, uint64_t seed) {
  return {Random({outputs, inputs}, seed) / 8.0, Random({outputs}, seed + 1000)};
}

inline NormWeights RandomNorm(int64_t width, uint64_t seed) {
  return {1.0 + Random({width}, seed) / 4.0, Random({width}, seed + 1000) / 4.0};
}

inline double MaxDifference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

}  // namespace darkroom::nn

#endif  // DARKROOM_TESTS_PLUGINS_COMMON_NN_TEST_WEIGHTS_H_
