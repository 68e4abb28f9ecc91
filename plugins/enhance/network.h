// SPDX-License-Identifier: Apache-2.0
//
// Network is an upscaling network with its weights, on one device, behind the one function the rest
// of the plugin needs.
//
// Ownership: it owns its weights. Threads: immutable once made; Forward is called on the instance's
// lane.

#ifndef DARKROOM_PLUGINS_ENHANCE_NETWORK_H_
#define DARKROOM_PLUGINS_ENHANCE_NETWORK_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/safetensors.h"
#include "common/weight_reader.h"

namespace darkroom {

// How 3x3 convolutions are computed: by ATen as on any device, or by our Winograd loops (float32 on
// the CPU).
enum class Engine : uint8_t { kDirect, kWinograd };

struct Placement {
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;
  Engine engine = Engine::kDirect;
};

// A part of a picture, in its pixels.
struct Region {
  int64_t top;
  int64_t left;
  int64_t height;
  int64_t width;
};

class Network {
 public:
  virtual ~Network() = default;

  // What the architecture is, with its numbers, for logs.
  virtual std::string Describe() const = 0;
  // How many times larger the output's edges are.
  virtual int64_t scale() const = 0;
  // The edges of an input and of what is kept of it must be multiples of this.
  virtual int64_t multiple() const = 0;
  // How far from an inner edge of a window the result equals, within 1/255, that of the whole
  // picture.
  virtual int64_t padding() const = 0;

  // `input`: 1 x 3 x height x width, RGB in [0, 1], of the placement's device and dtype. Returns
  // the enlarged `keep` part of it, not clamped.
  virtual at::Tensor Forward(const at::Tensor& input, const Region& keep) const = 0;
};

// Tells the architecture by the names and shapes of the tensors, checks it against the file's
// metadata where there is any, and loads it. Throws Error (DR_FAILED_PRECONDITION) with what does
// not fit.
std::unique_ptr<Network> LoadNetwork(const Safetensors& file, const Placement& placement);

// What the architectures share: one convolution's tensors as the file has them.
struct ConvolutionWeights {
  at::Tensor weight;
  at::Tensor bias;
};
ConvolutionWeights TakeConvolution(WeightReader& reader, const std::string& name, int64_t inputs,
                                   int64_t outputs);

// A 3x3 convolution by ATen, its weights laid out with the channels innermost.
class DirectConvolution {
 public:
  DirectConvolution() = default;
  DirectConvolution(const ConvolutionWeights& weights, const Placement& placement);
  at::Tensor operator()(const at::Tensor& input) const;

 private:
  at::Tensor weight_;
  at::Tensor bias_;
};

// Throws Error unless the metadata's `key`, where the file has it, is `value`.
void CheckMetadata(const Safetensors& file, const std::string& key, const std::string& value);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_ENHANCE_NETWORK_H_
