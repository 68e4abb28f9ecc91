// SPDX-License-Identifier: Apache-2.0

#include "sdxl/folder.h"

#include <array>
#include <darkroom/plugin.hpp>
#include <filesystem>
#include <set>
#include <system_error>
#include <vector>

#include "common/json_config.h"
#include "common/text/tokenizer_files.h"
#include "sdxl/config_fields.h"

namespace darkroom::sdxl {
namespace {

namespace fs = std::filesystem;

// All of one family: they differ in what is done with the parts, not in the parts.
const std::set<std::string>& Pipelines() {
  static const std::set<std::string> kNames = {"StableDiffusionXLPipeline",
                                               "StableDiffusionXLImg2ImgPipeline",
                                               "StableDiffusionXLInpaintPipeline"};
  return kNames;
}

struct KnownPart {
  const char* name;
  std::set<std::string> classes;  // empty: whoever uses the part looks at it
  bool is_optional = false;       // the refiner goes without
};

const std::vector<KnownPart>& Parts() {
  static const std::vector<KnownPart> kParts = {
      {"unet", {"UNet2DConditionModel"}},
      {"vae", {"AutoencoderKL"}},
      {"text_encoder", {"CLIPTextModel"}, true},
      {"text_encoder_2", {"CLIPTextModelWithProjection"}},
      {"tokenizer", {"CLIPTokenizer", "CLIPTokenizerFast"}, true},
      {"tokenizer_2", {"CLIPTokenizer", "CLIPTokenizerFast"}},
      {"scheduler", {}}};
  return kParts;
}

bool IsThere(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

}  // namespace

Folder Folder::Open(const std::string& path, bool prefers_halves, const FileOptions& options) {
  Folder folder;
  folder.path_ = path;
  folder.prefers_halves_ = prefers_halves;
  std::error_code error;
  if (path.ends_with(".safetensors") && !fs::is_directory(path, error)) {
    folder.file_ = std::make_shared<const SingleFile>(SingleFile::Open(path, options));
    folder.is_refiner_ = folder.file_->is_refiner();
    folder.zeros_for_no_prompt_ = !folder.is_refiner_;
    return folder;
  }
  if (!options.tokenizer.empty() || options.config != FileOptions().config)
    throw Error(DR_INVALID_ARGUMENT,
                "the options tokenizer and config are for weights in a single .safetensors file; " +
                    path + " has its own");
  folder.ReadIndex();
  return folder;
}

void Folder::ReadIndex() {
  const JsonConfig index = JsonConfig::Read(Part("model_index.json"));
  if (!Pipelines().contains(index.Text("_class_name")))
    index.Refuse("_class_name", "only pipelines of Stable Diffusion XL are implemented");
  is_refiner_ = index.Flag("requires_aesthetics_score", false);
  for (const KnownPart& part : Parts()) {
    // [library, class]; a part that a pipeline goes without is [null, null].
    if (is_refiner_ && part.is_optional) {
      index.Ignore({part.name});
      continue;
    }
    const std::vector<std::string> names = index.Texts(part.name);
    if (names.size() != 2) index.Refuse(part.name, "it must be [library, class]");
    if (!part.classes.empty() && !part.classes.contains(names[1]))
      index.Refuse(part.name, "only " + *part.classes.begin() + " is implemented");
    classes_[part.name] = names[1];
  }
  zeros_for_no_prompt_ = index.Flag("force_zeros_for_empty_prompt", true);
  // For adapters of pictures, and for a mark in the result, neither of which there is.
  index.Ignore({"image_encoder", "feature_extractor", "add_watermarker"});
  IgnoreFileMeta(index);
  index.CheckAllRead();
}

bool Folder::Has(const std::string& part) const {
  return file_ ? file_->Has(part) : classes_.contains(part);
}

bool Folder::Projects(const std::string& encoder) const {
  return file_ ? encoder == "text_encoder_2"
               : classes_.at(encoder) == "CLIPTextModelWithProjection";
}

JsonConfig Folder::Config(const std::string& part) const {
  if (file_) return file_->Config(part);
  return JsonConfig::Read(Part(part) +
                          (part == "scheduler" ? "/scheduler_config.json" : "/config.json"));
}

std::string Folder::TokenizerFolder(const std::string& encoder) const {
  if (file_) return file_->Tokenizer(encoder);
  return Part(encoder == "text_encoder" ? "tokenizer" : "tokenizer_2");
}

std::optional<std::string> Folder::PadToken(const std::string& encoder) const {
  // The second encoder was trained with zeros, which are this token, and the first one's tokenizer
  // does not say so.
  if (file_ && encoder == "text_encoder_2" && !file_->has_two_tokenizers()) return "!";
  return PadTokenOf(TokenizerFolder(encoder));
}

Checkpoint Folder::OpenWeights(const std::string& part) const {
  Checkpoint checkpoint = OpenUnchanged(part);
  if (const auto found = changes_.find(part); found != changes_.end())
    for (const auto& [tensor, change] : found->second) checkpoint.SetChange(tensor, change);
  return checkpoint;
}

Checkpoint Folder::OpenUnchanged(const std::string& part) const {
  if (file_) return file_->Weights(part);
  const bool is_text = part.starts_with("text_encoder");
  const std::string stem = Part(part) + "/" + (is_text ? "model" : "diffusion_pytorch_model");
  const std::vector<std::string> plain = {stem + ".safetensors", stem + ".safetensors.index.json"};
  // The index has had two names.
  const std::vector<std::string> halves = {stem + ".fp16.safetensors",
                                           stem + ".safetensors.index.fp16.json",
                                           stem + ".fp16.safetensors.index.json"};
  for (const auto* files : {prefers_halves_ ? &halves : &plain, prefers_halves_ ? &plain : &halves})
    for (const std::string& file : *files)
      if (IsThere(file)) return Checkpoint::Open(file);
  // Which says what is wrong.
  return Checkpoint::Open(Part(part), is_text ? "model" : "diffusion_pytorch_model");
}

}  // namespace darkroom::sdxl
