// SPDX-License-Identifier: Apache-2.0

#include "inpaint/fourier_convolution.h"

#include <array>

namespace darkroom::inpaint {
namespace {

// Of torch.nn.BatchNorm2d, which the published networks have everywhere.
constexpr double kNormEpsilon = 1e-5;

at::Tensor Scaled(const at::Tensor& weight, const Norm& norm) {
  return weight.to(at::kFloat) * norm.scale.view({-1, 1, 1, 1});
}

at::Tensor TakeWeight(WeightReader& reader, const std::string& name, int64_t inputs,
                      int64_t outputs, int64_t kernel) {
  return reader.Take(name + ".weight", {outputs, inputs, kernel, kernel});
}

}  // namespace

Convolution::Convolution(const at::Tensor& weight, const at::Tensor& bias, int64_t stride,
                         int64_t padding, const Place& place)
    : weight_(weight.to(place.device, place.dtype).contiguous(at::MemoryFormat::ChannelsLast)),
      stride_(stride),
      padding_(padding) {
  if (bias.defined()) bias_ = bias.to(place.device, place.dtype);
}

at::Tensor Convolution::operator()(const at::Tensor& input) const {
  const at::Tensor padded =
      padding_ == 0 ? input : at::reflection_pad2d(input, {padding_, padding_, padding_, padding_});
  return at::conv2d(padded, weight_, bias_, stride_);
}

Norm TakeNorm(WeightReader& reader, const std::string& name, int64_t channels) {
  const auto take = [&](const char* part) {
    return reader.Take(name + part, {channels}).to(at::kFloat);
  };
  const at::Tensor weight = take(".weight");
  const at::Tensor bias = take(".bias");
  const at::Tensor mean = take(".running_mean");
  const at::Tensor variance = take(".running_var");
  reader.Ignore(name + ".num_batches_tracked");
  Norm norm;
  norm.scale = weight / at::sqrt(variance + kNormEpsilon);
  norm.shift = bias - mean * norm.scale;
  return norm;
}

SpectralTransform::SpectralTransform(WeightReader& reader, const std::string& name, int64_t inputs,
                                     int64_t outputs, const Norm& norm, const Place& place) {
  const int64_t half = outputs / 2;
  const Norm first = TakeNorm(reader, name + ".conv1.1", half);
  reduce_ = {Scaled(TakeWeight(reader, name + ".conv1.0", inputs, half, 1), first), first.shift, 1,
             0, place};
  // There each channel is two, its real and its imaginary part.
  const Norm middle = TakeNorm(reader, name + ".fu.bn", 2 * half);
  frequencies_ = {
      Scaled(TakeWeight(reader, name + ".fu.conv_layer", 2 * half, 2 * half, 1), middle),
      middle.shift, 1, 0, Place{place.device, at::kFloat}};
  expand_ = {Scaled(TakeWeight(reader, name + ".conv2", half, outputs, 1), norm), {}, 1, 0, place};
}

at::Tensor SpectralTransform::Spectrum(const at::Tensor& input) const {
  const int64_t height = input.size(2);
  const int64_t width = input.size(3);
  const std::array<int64_t, 2> plane = {-2, -1};
  const at::Tensor frequencies =
      at::fft_rfftn(input.to(at::kFloat), std::nullopt, at::IntArrayRef(plane), "ortho");
  const int64_t columns = frequencies.size(3);
  // batch x channels x (real, imaginary) x height x columns.
  const at::Tensor parts = at::view_as_real(frequencies).permute({0, 1, 4, 2, 3});
  at::Tensor mixed = at::relu(frequencies_(parts.reshape({input.size(0), -1, height, columns})));
  mixed = mixed.view({input.size(0), -1, 2, height, columns}).permute({0, 1, 3, 4, 2});
  const std::array<int64_t, 2> size = {height, width};
  return at::fft_irfftn(at::view_as_complex(mixed.contiguous()), at::IntArrayRef(size),
                        at::IntArrayRef(plane), "ortho")
      .to(input.scalar_type());
}

at::Tensor SpectralTransform::operator()(const at::Tensor& input) const {
  const at::Tensor reduced = at::relu(reduce_(input));
  return expand_(reduced + Spectrum(reduced));
}

FourierConvolution::FourierConvolution(WeightReader& reader, const std::string& name, Split inputs,
                                       Split outputs, int64_t kernel, int64_t stride,
                                       int64_t padding, const Place& place) {
  const auto convolution = [&](const char* which, int64_t from, int64_t to, const Norm& norm,
                               const at::Tensor& shift) {
    return Convolution(Scaled(TakeWeight(reader, name + which, from, to, kernel), norm), shift,
                       stride, padding, place);
  };
  const Norm local = TakeNorm(reader, name + ".bn_l", outputs.local);
  local_to_local_ = convolution(".ffc.convl2l", inputs.local, outputs.local, local, local.shift);
  if (inputs.global > 0)
    global_to_local_ =
        convolution(".ffc.convg2l", inputs.global, outputs.local, local, at::Tensor());
  if (outputs.global == 0) return;
  const Norm global = TakeNorm(reader, name + ".bn_g", outputs.global);
  local_to_global_ =
      convolution(".ffc.convl2g", inputs.local, outputs.global, global, global.shift);
  if (inputs.global > 0)
    global_to_global_.emplace(reader, name + ".ffc.convg2g", inputs.global, outputs.global, global,
                              place);
}

Channels FourierConvolution::operator()(const Channels& input) const {
  Channels output;
  output.local = (*local_to_local_)(input.local);
  if (global_to_local_) output.local.add_((*global_to_local_)(input.global));
  output.local.relu_();
  if (!local_to_global_) return output;
  output.global = (*local_to_global_)(input.local);
  if (global_to_global_) output.global.add_((*global_to_global_)(input.global));
  output.global.relu_();
  return output;
}

}  // namespace darkroom::inpaint
