// SPDX-License-Identifier: Apache-2.0
//
// Fast Fourier convolution (Chi, Jiang, Mu: "Fast Fourier Convolution", NeurIPS 2020), as LaMa uses
// it: some channels are local and convolved in place, the others are global and convolved in the
// frequencies of the whole picture, and each kind reads the other.
//
// Batch norms are folded into the convolutions before them, once. Immutable; the instance's lane.

#ifndef DARKROOM_PLUGINS_INPAINT_FOURIER_CONVOLUTION_H_
#define DARKROOM_PLUGINS_INPAINT_FOURIER_CONVOLUTION_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <string>

#include "common/weight_reader.h"

namespace darkroom::inpaint {

// Where weights lie and in which dtype the network computes. Frequencies are float32 at least.
struct Place {
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;
};

// The two kinds of channels of one picture, batch x channels x height x width; `global` is not
// defined where there are none.
struct Channels {
  at::Tensor local;
  at::Tensor global;
};

// How many channels of each kind go in or out.
struct Split {
  int64_t local = 0;
  int64_t global = 0;
};

// A convolution, with its padding by reflection.
class Convolution {
 public:
  Convolution() = default;
  Convolution(const at::Tensor& weight, const at::Tensor& bias, int64_t stride, int64_t padding,
              const Place& place);

  at::Tensor operator()(const at::Tensor& input) const;

 private:
  at::Tensor weight_;
  at::Tensor bias_;  // may be undefined
  int64_t stride_ = 1;
  int64_t padding_ = 0;
};

// What a batch norm in evaluation does: a scale and a shift of each channel.
struct Norm {
  at::Tensor scale;
  at::Tensor shift;
};
// NAME.weight, .bias, .running_mean, .running_var. Throws Error as WeightReader does.
Norm TakeNorm(WeightReader& reader, const std::string& name, int64_t channels);

// Of the global channels: 1 x 1 convolutions around one in the frequencies, all with norms and
// relus, before a last one whose norm is the caller's.
class SpectralTransform {
 public:
  SpectralTransform(WeightReader& reader, const std::string& name, int64_t inputs, int64_t outputs,
                    const Norm& norm, const Place& place);

  at::Tensor operator()(const at::Tensor& input) const;

 private:
  at::Tensor Spectrum(const at::Tensor& input) const;

  Convolution reduce_;
  Convolution frequencies_;
  Convolution expand_;
};

// FFC, batch norm, relu.
class FourierConvolution {
 public:
  FourierConvolution(WeightReader& reader, const std::string& name, Split inputs, Split outputs,
                     int64_t kernel, int64_t stride, int64_t padding, const Place& place);

  Channels operator()(const Channels& input) const;

 private:
  std::optional<Convolution> local_to_local_;
  std::optional<Convolution> local_to_global_;
  std::optional<Convolution> global_to_local_;
  std::optional<SpectralTransform> global_to_global_;
};

}  // namespace darkroom::inpaint

#endif  // DARKROOM_PLUGINS_INPAINT_FOURIER_CONVOLUTION_H_
