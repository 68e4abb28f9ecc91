// SPDX-License-Identifier: Apache-2.0
//
// SingleFile is a checkpoint of Stable Diffusion XL in one safetensors file, with the keys of the
// original implementation:
//
//   model.diffusion_model.*                      the denoising network
//   first_stage_model.*                          the autoencoder
//   conditioner.embedders.0.transformer.*        the first text encoder, as transformers names it
//   conditioner.embedders.1.model.*              the second one, as OpenCLIP does
//   conditioner.embedders.0.model.*              the refiner's, which has the second one alone
//   v_pred, ztsnr                                without a meaning but that they are there: the
//                                                network predicts velocities; training ended at
//                                                zero signal to noise
//
// It gives each part's tensors under diffusers' names, as views of the file, and what the network
// is, by its shapes (shape_config.h). The scheduler is that of stable-diffusion-xl-base-1.0.
//
// Plain values, made once: any thread.

#ifndef DARKROOM_PLUGINS_SDXL_SINGLE_FILE_H_
#define DARKROOM_PLUGINS_SDXL_SINGLE_FILE_H_

#include <map>
#include <string>

#include "common/checkpoint.h"
#include "common/json_config.h"

namespace darkroom::sdxl {

// What the model's options say of what the file does not hold.
struct FileOptions {
  // A JSON object from a part's name (unet, vae, text_encoder, text_encoder_2, scheduler) to fields
  // of its config, which go before what the shapes say.
  std::string config = "{}";
  // Folder of CLIP's tokenizer; empty: "tokenizer" beside the file. Where there is a folder of this
  // name with "_2" behind it, that is the second encoder's, as in diffusers' folders.
  std::string tokenizer;
};

class SingleFile {
 public:
  // Throws Error: what Checkpoint::Open throws; DR_FAILED_PRECONDITION, naming the tensor, for a
  // file that has not all parts, or more than them, and, naming the field, for what shapes and
  // options do not say; DR_NOT_FOUND when there is no tokenizer.
  static SingleFile Open(const std::string& path, const FileOptions& options);

  // The refiner has no text_encoder.
  bool Has(const std::string& part) const { return configs_.contains(part); }
  bool is_refiner() const { return !Has("text_encoder"); }
  // Throw Error as Checkpoint and JsonConfig do. Of a part that there is.
  Checkpoint Weights(const std::string& part) const { return parts_.at(part); }
  JsonConfig Config(const std::string& part) const;
  // The folder of an encoder's tokenizer. Whether the second one has its own.
  const std::string& Tokenizer(const std::string& encoder) const;
  bool has_two_tokenizers() const { return tokenizer_ != tokenizer_2_; }

 private:
  SingleFile() = default;

  void FindTokenizer(const Checkpoint& whole, const std::string& given);

  std::string path_;
  std::string tokenizer_;
  std::string tokenizer_2_;
  std::map<std::string, Checkpoint> parts_;
  std::map<std::string, std::string> configs_;  // as JSON
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_SINGLE_FILE_H_
