// SPDX-License-Identifier: Apache-2.0
//
// Denoisers are a model's denoising networks: those that were compiled for some sizes, and the
// ordinary one for all others. Beside compiled ones the ordinary network is loaded only when a
// picture first needs it, since that is a second copy of the weights.
//
// Ownership: the networks; those that it gives live as long as it does. Threads: the instance's
// lane.

#ifndef DARKROOM_PLUGINS_SDXL_DENOISERS_H_
#define DARKROOM_PLUGINS_SDXL_DENOISERS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "common/nn/placement.h"
#include "sdxl/compiled_unet.h"
#include "sdxl/denoiser.h"
#include "sdxl/folder.h"
#include "sdxl/unet.h"
#include "sdxl/unet_config.h"

namespace darkroom::sdxl {

// Called before so many bytes more are held than at first; throws when they may not be.
using Reserve = std::function<void(uint64_t bytes)>;

class Denoisers {
 public:
  // `compiled`: none, and the ordinary network is loaded at once. `layers`: as UNet, and only
  // without compiled networks, whose weights stay as they are. Throws Error as UNet and
  // CompiledUNet do.
  Denoisers(const Folder& folder, const nn::Placement& placement,
            const std::vector<CompiledFile>& compiled, Reserve reserve,
            PlacedLayers* layers = nullptr);

  // The network for pictures with latents of this size that are so many rows of a run: the first
  // compiled one that takes them, or the ordinary one. Throws Error as UNet does, and what the
  // reservation throws.
  const Denoiser& For(int64_t height, int64_t width, int64_t rows);

  const UNetConfig& config() const { return config_; }
  const nn::Placement& placement() const { return placement_; }

 private:
  Folder folder_;
  nn::Placement placement_;
  UNetConfig config_;
  Reserve reserve_;
  std::vector<std::unique_ptr<const CompiledUNet>> compiled_;
  std::unique_ptr<const UNet> ordinary_;
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_DENOISERS_H_
