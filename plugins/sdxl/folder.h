// SPDX-License-Identifier: Apache-2.0
//
// Folder is a model as diffusers writes it, and as the model hub has it:
//
//   model_index.json             which class each part is of
//   unet/, vae/                  config.json, diffusion_pytorch_model.safetensors
//   text_encoder/, .../          config.json, model.safetensors
//   tokenizer/, tokenizer_2/     see common/text/tokenizer_files.h
//   scheduler/                   scheduler_config.json
//
// Weights may be in several files under an index, and in a variant of halves (STEM.fp16.*), which
// is taken when halves are to be computed, or when there is nothing else.
//
// Plain values, made once: any thread.

#ifndef DARKROOM_PLUGINS_SDXL_FOLDER_H_
#define DARKROOM_PLUGINS_SDXL_FOLDER_H_

#include <map>
#include <string>
#include <utility>

#include "common/checkpoint.h"

namespace darkroom::sdxl {

class Folder {
 public:
  // Reads model_index.json. Throws Error: DR_NOT_FOUND when there is none, DR_FAILED_PRECONDITION
  // naming the field that is missing, not implemented or not known.
  static Folder Open(const std::string& path, bool prefers_halves);

  const std::string& path() const { return path_; }
  // The folder of a part such as "unet", or a file in it.
  std::string Part(const std::string& name) const { return path_ + "/" + name; }
  // What model_index.json says the part is.
  const std::string& ClassOf(const std::string& part) const { return classes_.at(part); }
  // Whether a negative prompt that is absent (not one that is empty) counts as zeros.
  bool zeros_for_no_prompt() const { return zeros_for_no_prompt_; }

  // The weights of unet, vae, text_encoder or text_encoder_2. Throws Error as Checkpoint does.
  Checkpoint OpenWeights(const std::string& part) const;

  // From now on this change is made to a tensor of a part's weights when they are taken.
  void SetChange(const std::string& part, const std::string& tensor, Checkpoint::Change change) {
    changes_[part][tensor] = std::move(change);
  }

 private:
  Folder() = default;

  Checkpoint OpenUnchanged(const std::string& part) const;

  std::string path_;
  bool prefers_halves_ = false;
  bool zeros_for_no_prompt_ = true;
  std::map<std::string, std::string> classes_;
  std::map<std::string, std::map<std::string, Checkpoint::Change>> changes_;
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_FOLDER_H_
