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
// is taken when halves are to be computed, or when there is nothing else. Or it is a single file
// (single_file.h), which shows itself as such a folder.
//
// Plain values, made once: any thread.

#ifndef DARKROOM_PLUGINS_SDXL_FOLDER_H_
#define DARKROOM_PLUGINS_SDXL_FOLDER_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/checkpoint.h"
#include "common/json_config.h"
#include "sdxl/single_file.h"

namespace darkroom::sdxl {

class Folder {
 public:
  // `path`: a folder, whose model_index.json it reads, or a single file, of which the options are.
  // Throws Error: DR_NOT_FOUND when there is none, DR_FAILED_PRECONDITION naming the field that is
  // missing, not implemented or not known; what SingleFile throws.
  static Folder Open(const std::string& path, bool prefers_halves, const FileOptions& options = {});

  const std::string& path() const { return path_; }
  // Whether there is such a part: of the refiner text_encoder is not.
  bool Has(const std::string& part) const;
  // Whether a text encoder's vector is projected.
  bool Projects(const std::string& encoder) const;
  // Whether a negative prompt that is absent (not one that is empty) counts as zeros.
  bool zeros_for_no_prompt() const { return zeros_for_no_prompt_; }
  // Whether the network is told how beautiful the picture is to be, in place of a size: the
  // refiner.
  bool is_refiner() const { return is_refiner_; }

  // The config of unet, vae, text_encoder, text_encoder_2 or scheduler. Throws Error as JsonConfig
  // does.
  JsonConfig Config(const std::string& part) const;

  // The weights of unet, vae, text_encoder or text_encoder_2. Throws Error as Checkpoint does.
  Checkpoint OpenWeights(const std::string& part) const;

  // Where the tokenizer of a text encoder is, and the token that fills up short texts; nothing
  // where that is the one that ends them. Throws Error as PadTokenOf does.
  std::string TokenizerFolder(const std::string& encoder) const;
  std::optional<std::string> PadToken(const std::string& encoder) const;

  // From now on this change is made to a tensor of a part's weights when they are taken.
  void SetChange(const std::string& part, const std::string& tensor, Checkpoint::Change change) {
    changes_[part][tensor] = std::move(change);
  }

 private:
  Folder() = default;

  std::string Part(const std::string& name) const { return path_ + "/" + name; }
  void ReadIndex();
  Checkpoint OpenUnchanged(const std::string& part) const;

  std::string path_;
  bool prefers_halves_ = false;
  bool zeros_for_no_prompt_ = true;
  bool is_refiner_ = false;
  std::map<std::string, std::string> classes_;  // of parts, as model_index.json says
  std::shared_ptr<const SingleFile> file_;      // or none
  std::map<std::string, std::map<std::string, Checkpoint::Change>> changes_;
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_FOLDER_H_
