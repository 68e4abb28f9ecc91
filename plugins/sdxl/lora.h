// SPDX-License-Identifier: Apache-2.0
//
// A set of LoRAs (lora_file.h), each with a weight: what a request adds to a model's weights.
//
// Ownership: a LoraSet shares its files' matrices. Threads: immutable once made; the instance's
// lane.

#ifndef DARKROOM_PLUGINS_SDXL_LORA_H_
#define DARKROOM_PLUGINS_SDXL_LORA_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/placed_layers.h"
#include "sdxl/folder.h"
#include "sdxl/lora_file.h"

namespace darkroom::sdxl {

struct LoraChoice {
  std::string name;  // of FOLDER/NAME.safetensors
  double weight = 1.0;
};

// The file of a name.
std::string PathOf(const std::string& loras, const std::string& name);

// Another text for another file of that name. Throws Error (DR_INVALID_ARGUMENT) for a name that is
// none, or of which there is no file, with those there are.
std::string VersionOf(const std::string& loras, const std::string& name);

class LoraSet {
 public:
  // One behind the other, as they are added.
  struct Member {
    std::string version;  // VersionOf
    std::shared_ptr<const LoraFile> file;
    double weight = 1.0;
  };

  // Of one member at least.
  explicit LoraSet(const std::vector<Member>& members);

  // Another text for another set.
  const std::string& identity() const { return identity_; }
  // What is changed of a part, or nullptr.
  const WeightChanges* Of(const std::string& part) const;
  bool ChangesTexts() const;
  // Of the files' contents; how much of each is the identity's to say.
  uint64_t fingerprint() const { return fingerprint_; }

 private:
  std::string identity_;
  std::map<std::string, WeightChanges> parts_;
  uint64_t fingerprint_ = 0;
};

// `base` with the set added to the weights that it opens; its files stay as they are.
Folder WithLoras(const Folder& base, const LoraSet& set);

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_LORA_H_
