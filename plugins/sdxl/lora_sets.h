// SPDX-License-Identifier: Apache-2.0
//
// LoraSets finds what a job draws with: the model's networks, with the set of LoRAs that the job
// asks for. In place, which is the default, the set is added to them layer by layer when it is its
// turn (NetworkLayers). With copies (the option lora_sets) each set is added to networks of its
// own, of which the last are kept.
//
// Files are read once: their matrices are kept on the device, those of the last files used up to
// kMostFiles and kMostFileBytes, each under a lease. A file that was replaced is read anew.
//
// Ownership: copies, matrices and their leases; not the model's own pipeline. Threads: the
// instance's lane.

#ifndef DARKROOM_PLUGINS_SDXL_LORA_SETS_H_
#define DARKROOM_PLUGINS_SDXL_LORA_SETS_H_

#include <cstddef>
#include <cstdint>
#include <darkroom/plugin.hpp>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/nn/placement.h"
#include "sdxl/folder.h"
#include "sdxl/lora.h"
#include "sdxl/pipeline.h"

namespace darkroom::sdxl {

// What a model and its sets of LoRAs have in common.
struct ModelParts {
  Host host;
  Folder folder;
  nn::Placement placement;
  PipelineOptions limits;
  std::string loras;       // their folder; empty: there are none
  size_t lora_copies = 0;  // 0: in place
};

// The denoising network's and the text encoders' weights, in bytes, on the device.
uint64_t NetworkBytes(const Folder& folder, const nn::Placement& placement);

// The networks with a set of LoRAs, or without any.
struct Adapted {
  std::shared_ptr<const LoraSet> set;  // nullptr: none
  std::optional<Lease> lease;          // of a copy
  std::unique_ptr<Pipeline> copy;
  Pipeline* pipeline = nullptr;  // the copy, or the model's own

  // What is to be added to `pipeline` in place, or nullptr.
  std::shared_ptr<const LoraSet> in_place() const { return copy == nullptr ? set : nullptr; }
};

class LoraSets {
 public:
  static constexpr size_t kMostFiles = 32;
  static constexpr uint64_t kMostFileBytes = uint64_t{1} << 30;

  // Both must outlive it.
  LoraSets(const ModelParts* parts, Pipeline* plain) : parts_(*parts), plain_(plain) {}
  LoraSets(const LoraSets&) = delete;
  LoraSets& operator=(const LoraSets&) = delete;

  // Of the choices, in their order; of none the model as it is. In place this reserves what the
  // changed layers take, and changes nothing yet. Throws Error: DR_INVALID_ARGUMENT for a model
  // without LoRAs and a name that is none; what ReadLora throws, and the host where there is no
  // room.
  std::shared_ptr<const Adapted> Find(const std::vector<LoraChoice>& choices);

  // Gives back what was reserved for changed layers, if there are none any more.
  void Settle();
  // Lets go of all networks and matrices, and keeps the leases.
  void DropNetworks();

 private:
  struct Kept {
    std::string version;  // VersionOf
    Lease lease;
    LoraFile file;
  };

  std::shared_ptr<const LoraFile> FileOf(const std::string& name, const std::string& version);
  std::shared_ptr<const Adapted> InPlace(std::shared_ptr<const LoraSet> set);
  std::shared_ptr<const Adapted> Copy(std::shared_ptr<const LoraSet> set);

  const ModelParts& parts_;
  Pipeline* const plain_;
  std::optional<LoraLayers> layers_;            // once they were needed
  std::list<std::shared_ptr<Kept>> files_;      // the last used first
  std::list<std::shared_ptr<Adapted>> copies_;  // the last used first
  std::vector<Lease> leases_;                   // of layers that are changed in place
  uint64_t leased_bytes_ = 0;
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_LORA_SETS_H_
