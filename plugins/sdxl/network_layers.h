// SPDX-License-Identifier: Apache-2.0
//
// NetworkLayers are the layers of the denoising network and of the text encoders, to which LoRAs
// can be added in place, and from which they can be taken away again (common/placed_layers.h).
//
// Of what a drawing needs, one part after another: the text encoders where its prompts are read,
// what of the denoising network looks at a text where it is begun, the rest where it makes a step.
// So a drawing that is begun does not disturb those that run with another set.
//
// Ownership: the checkpoints' mappings. Threads: the instance's lane.

#ifndef DARKROOM_PLUGINS_SDXL_NETWORK_LAYERS_H_
#define DARKROOM_PLUGINS_SDXL_NETWORK_LAYERS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/nn/placement.h"
#include "common/placed_layers.h"
#include "sdxl/folder.h"
#include "sdxl/lora.h"

namespace darkroom::sdxl {

enum class Stage : uint8_t { kTexts, kConditions, kSteps };

class NetworkLayers {
 public:
  // Throws Error as Folder::OpenWeights does. Whoever makes the networks gives them their parts.
  NetworkLayers(const Folder& folder, const nn::Placement& placement);

  // Of unet, text_encoder or text_encoder_2, where there is one.
  PlacedLayers* Of(const std::string& part) { return parts_.at(part).get(); }

  // From now on the layers of this stage are with `set`, or with none where it is nullptr.
  // `between`: called before each layer that is made again. Throws Error (DR_FAILED_PRECONDITION)
  // for a tensor that is of no layer; what `between` throws, and libtorch for want of memory. Then
  // the next Use makes good what was left halfway.
  void Use(Stage stage, const LoraSet* set, const std::function<void()>& between = {});
  // The identity of what the steps are made with; "" is none.
  const std::string& for_steps() const { return for_steps_; }

  // As PlacedLayers has it, of all.
  uint64_t OwnBytes(const LoraSet* set = nullptr) const;

 private:
  std::map<std::string, std::unique_ptr<PlacedLayers>> parts_;
  std::string for_steps_;
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_NETWORK_LAYERS_H_
