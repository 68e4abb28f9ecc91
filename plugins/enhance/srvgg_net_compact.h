// SPDX-License-Identifier: Apache-2.0
//
// SRVGGNetCompact: a plain chain of convolutions at the input's size, whose last one makes all the
// output's pixels at once; what it learns is the difference to the input's repeated pixels. Wang et
// al., "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data",
// arXiv:2107.10833. Weights under the names of the authors' BasicSR.
//
//   body.0, body.2, ... body.2n            convolutions: 3 -> num_feat, then num_conv times
//   num_feat -> num_feat body.1, body.3, ... body.2n+1          PReLU, a slope a channel, after
//   each of them body.2n+2                              num_feat -> 3 * upscale * upscale, without
//   activation; pixel-shuffled

#ifndef DARKROOM_PLUGINS_ENHANCE_SRVGG_NET_COMPACT_H_
#define DARKROOM_PLUGINS_ENHANCE_SRVGG_NET_COMPACT_H_

#include <memory>

#include "common/safetensors.h"
#include "enhance/network.h"

namespace darkroom {

std::unique_ptr<Network> LoadSrvggNetCompact(const Safetensors& file, const Placement& placement);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_ENHANCE_SRVGG_NET_COMPACT_H_
