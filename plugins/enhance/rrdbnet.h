// SPDX-License-Identifier: Apache-2.0
//
// RRDBNet: residual-in-residual dense blocks, then two doublings. Wang et al., "ESRGAN: Enhanced
// Super-Resolution Generative Adversarial Networks", arXiv:1809.00219; with pixel-unshuffle in
// front for x2 and x1 as in "Real-ESRGAN", arXiv:2107.10833. Weights under the names of the
// authors' BasicSR.
//
//   conv_first                     3, 12 or 48 channels (x4, x2, x1) -> num_feat
//   body.B.rdbR.convC              num_block blocks of three dense blocks (R: 1-3) of five
//   convolutions (C: 1-5) conv_body                      added to conv_first's output conv_up1,
//   conv_up2             each after a doubling by repeated pixels conv_hr, conv_last num_feat ->
//   num_feat -> 3
//
// The same network is here twice: by ATen for any device, and by our own loops for the CPU. Tests
// hold both against a plain PyTorch implementation.

#ifndef DARKROOM_PLUGINS_ENHANCE_RRDBNET_H_
#define DARKROOM_PLUGINS_ENHANCE_RRDBNET_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/safetensors.h"
#include "enhance/network.h"

namespace darkroom {

struct RrdbNetConfig {
  int64_t scale = 4;  // 4, 2 or 1: the input is folded by 1, 2 or 4 first, and always doubled twice
  int64_t num_feat = 64;
  int64_t num_grow_ch = 32;
  int64_t num_block = 23;

  int64_t unshuffle() const { return 4 / scale; }
  int64_t padding() const;  // see Network
  Region Folded(const Region& keep) const;
  std::string Describe() const;
};

// The last layers enlarge what the body made. They are most of the memory and look only kTailReach
// pixels far, so they are run square by square, and only for what is kept. `features`: the body's,
// 1 x num_feat x height x width; `tail` enlarges a part of them four times.
constexpr int64_t kTailReach = 2;
at::Tensor RunTail(const at::Tensor& features, const Region& keep, int64_t square,
                   const std::function<at::Tensor(const at::Tensor&)>& tail);

// One dense block's five convolutions; three such blocks make a block of the body.
template <typename Convolution>
using DenseBlock = std::array<Convolution, 5>;
template <typename Convolution>
using BodyBlock = std::array<DenseBlock<Convolution>, 3>;

struct RrdbNetWeights {
  RrdbNetConfig config;
  ConvolutionWeights conv_first, conv_body, conv_up1, conv_up2, conv_hr, conv_last;
  std::vector<BodyBlock<ConvolutionWeights>> body;
};

// Reads all weights; the numbers of the architecture are those of the shapes. Throws Error.
RrdbNetWeights ReadRrdbNet(const Safetensors& file);

std::unique_ptr<Network> LoadRrdbNet(const Safetensors& file, const Placement& placement);

// The two implementations.
std::unique_ptr<Network> MakeRrdbNetDirect(const RrdbNetWeights& weights,
                                           const Placement& placement);
std::unique_ptr<Network> MakeRrdbNetWinograd(const RrdbNetWeights& weights);

// What follows each convolution but the last of a block or of the network.
constexpr float kRrdbNetSlope = 0.2F;
// How much of a block's result is added to its input.
constexpr float kRrdbNetResidual = 0.2F;

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_ENHANCE_RRDBNET_H_
