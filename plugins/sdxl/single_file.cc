// SPDX-License-Identifier: Apache-2.0

#include "sdxl/single_file.h"

#include <array>
#include <darkroom/plugin.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <utility>

#include "common/quoted.h"
#include "sdxl/original_names.h"
#include "sdxl/shape_config.h"

namespace darkroom::sdxl {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kUNet = "model.diffusion_model.";
constexpr std::string_view kVae = "first_stage_model.";
constexpr std::string_view kFirstText = "conditioner.embedders.0.transformer.";
constexpr std::string_view kSecondText = "conditioner.embedders.1.model.";
constexpr std::string_view kRefinerText = "conditioner.embedders.0.model.";
constexpr std::array kParts = {"unet", "vae", "text_encoder", "text_encoder_2", "scheduler"};

// What training leaves behind: averages of the weights, and the noise that the scheduler knows.
bool IsLeftBehind(const std::string& name) {
  constexpr std::array kBeginnings = {
      "model_ema.",     "denoiser.",  "alphas_cumprod",          "betas", "sqrt_",
      "log_one_minus_", "posterior_", "first_stage_model.loss.", "logvar"};
  for (const std::string_view beginning : kBeginnings)
    if (name.starts_with(beginning)) return true;
  constexpr std::array kEnds = {"embeddings.position_ids", "model.logit_scale", "model.attn_mask"};
  for (const std::string_view end : kEnds)
    if (name.ends_with(end)) return true;
  return name == "v_pred" || name == "ztsnr" || name == "global_step";
}

// The tensors of each part, without what stands before their names there.
using Cut = std::map<std::string_view, NamedTensors>;

Cut CutUp(const Checkpoint& whole) {
  Cut cut;
  for (const auto& [name, tensor] : whole.tensors()) {
    if (IsLeftBehind(name)) continue;
    bool is_known = false;
    for (const std::string_view part : {kUNet, kVae, kFirstText, kSecondText, kRefinerText}) {
      if (!name.starts_with(part)) continue;
      cut[part][name.substr(part.size())] = tensor;
      is_known = true;
      break;
    }
    if (!is_known)
      throw Error(DR_FAILED_PRECONDITION,
                  "tensor " + Quoted(name) +
                      " is of no part of a checkpoint of Stable Diffusion XL: it begins with none "
                      "of model.diffusion_model, first_stage_model and conditioner.embedders");
  }
  return cut;
}

const NamedTensors& Take(const Cut& cut, std::string_view part, const char* what) {
  const auto found = cut.find(part);
  if (found == cut.end())
    throw Error(DR_FAILED_PRECONDITION, "there is no tensor " + std::string(part) + "*, " + what +
                                            "; give a file that holds all parts");
  return found->second;
}

template <typename Rename>
NamedTensors Renamed(const NamedTensors& tensors, std::string_view part, const Rename& rename) {
  NamedTensors renamed;
  for (const auto& [name, tensor] : tensors) {
    const std::string other = rename(name);
    if (other.empty())
      throw Error(DR_FAILED_PRECONDITION,
                  "tensor " + Quoted(std::string(part) + name) + " is of no layer of the network");
    renamed[other] = tensor;
  }
  return renamed;
}

// OpenCLIP has query, key and value in one tensor, and the projection turned.
NamedTensors FromOpenClip(const NamedTensors& tensors, std::string_view part) {
  constexpr std::string_view kJoined = "qkv_proj.";
  NamedTensors apart;
  for (const auto& [name, tensor] : Renamed(tensors, part, FromOpenClipName)) {
    if (const size_t at = name.find(kJoined); at != std::string::npos) {
      if (tensor.dim() < 1 || tensor.size(0) % 3 != 0)
        throw Error(DR_FAILED_PRECONDITION, "tensor " + Quoted(std::string(part) + name) +
                                                " has shape " + ShapeText(tensor.sizes()) +
                                                ", which is not three in one");
      const int64_t width = tensor.size(0) / 3;
      int64_t from = 0;
      for (const char* one : {"q_proj.", "k_proj.", "v_proj."}) {
        apart[std::string(name).replace(at, kJoined.size(), one)] = tensor.narrow(0, from, width);
        from += width;
      }
    } else if (name == "text_projection.weight" && tensor.dim() == 2) {
      // The one copy that is made: of 3 MB in SDXL, and so laid out as in a folder, of which the
      // order of sums depends.
      apart[name] = tensor.t().contiguous();
    } else {
      apart[name] = tensor;
    }
  }
  return apart;
}

Json SchedulerConfig(const Checkpoint& whole, const Json& told) {
  Json config = {
      {"_class_name", "EulerDiscreteScheduler"},
      {"beta_start", 0.00085},
      {"beta_end", 0.012},
      {"beta_schedule", "scaled_linear"},
      {"num_train_timesteps", 1000},
      {"interpolation_type", "linear"},
      {"prediction_type", whole.tensors().contains("v_pred") ? "v_prediction" : "epsilon"},
      {"timestep_spacing", "leading"},
      {"steps_offset", 1},
      {"clip_sample", false},
      {"set_alpha_to_one", false},
      {"skip_prk_steps", true}};
  if (whole.tensors().contains("ztsnr")) {
    config["rescale_betas_zero_snr"] = true;
    config["timestep_spacing"] = "trailing";  // or the step of zero signal is never made
  }
  config.update(told);
  return config;
}

// The options' fields of each part.
Json ReadTold(const std::string& text) {
  const JsonConfig given = JsonConfig::Parse(text, "option config");
  for (const char* part : kParts) {
    if (given.Has(part) && !given.HasSection(part))
      given.Refuse(part, "it must be an object of fields");
    given.Ignore({part});  // whoever reads the part's config reads them
  }
  given.CheckAllRead();
  Json told = Json::parse(text);
  for (const char* part : kParts)
    if (!told.contains(part)) told[part] = Json::object();
  return told;
}

}  // namespace

SingleFile SingleFile::Open(const std::string& path, const FileOptions& options) {
  const Checkpoint whole = Checkpoint::Open(path);
  SingleFile file;
  file.path_ = path;
  file.FindTokenizer(whole, options.tokenizer);
  const Json told = ReadTold(options.config);
  try {
    const Cut cut = CutUp(whole);
    const bool is_refiner = cut.contains(kRefinerText);
    const std::string_view second = is_refiner ? kRefinerText : kSecondText;
    const auto add = [&](const char* part, const NamedTensors& tensors, const Json& config) {
      file.parts_.emplace(part, whole.WithTensors(tensors));
      file.configs_[part] = config.dump();
    };
    const NamedTensors& unet = Take(cut, kUNet, "the denoising network");
    const NamedTensors& vae = Take(cut, kVae, "the autoencoder");
    const NamedTensors text =
        FromOpenClip(Take(cut, second, "the second text encoder, as OpenCLIP has it"), second);
    const Json text_config = TextConfigOf(text, "gelu", told["text_encoder_2"]);
    add("text_encoder_2", text, text_config);
    if (!is_refiner) {
      const NamedTensors& first = Take(cut, kFirstText, "the first text encoder");
      add("text_encoder", first, TextConfigOf(first, "quick_gelu", told["text_encoder"]));
    }
    const Json vae_config = VaeConfigOf(vae, told["vae"]);
    const size_t stages = vae_config["block_out_channels"].size();
    add("vae",
        Renamed(vae, kVae,
                [&](const std::string& name) { return FromOriginalVaeName(name, stages); }),
        vae_config);
    const int64_t pooled = text_config["projection_dim"].get<int64_t>();
    const Json config = UNetConfigOf(unet, pooled, is_refiner ? 5 : 6, told["unet"]);
    file.configs_["unet"] = config.dump();
    const OriginalUNetNames names(ReadUNetConfig(file.Config("unet")), '.');
    add("unet", Renamed(unet, kUNet, [&](const std::string& name) { return names.Find(name); }),
        config);
    file.configs_["scheduler"] = SchedulerConfig(whole, told["scheduler"]).dump();
  } catch (const Json::exception& error) {
    throw Error(DR_FAILED_PRECONDITION, std::string("option config: ") + error.what());
  } catch (const Error& error) {
    throw Error(error.status(), "weights " + path + ": " + error.what());
  }
  return file;
}

void SingleFile::FindTokenizer(const Checkpoint& whole, const std::string& given) {
  std::error_code error;
  tokenizer_ = given.empty() ? whole.File("tokenizer") : given;
  if (!std::filesystem::is_directory(tokenizer_, error))
    throw Error(DR_NOT_FOUND, "weights " + path_ +
                                  ": a single file holds no tokenizer, and there is no folder " +
                                  tokenizer_ +
                                  ": name the folder of CLIP's, with vocab.json and merges.txt or "
                                  "tokenizer.json, in the option tokenizer, and in plugins.files");
  tokenizer_2_ = tokenizer_ + "_2";
  if (!std::filesystem::is_directory(tokenizer_2_, error)) tokenizer_2_ = tokenizer_;
}

const std::string& SingleFile::Tokenizer(const std::string& encoder) const {
  return encoder == "text_encoder" ? tokenizer_ : tokenizer_2_;
}

JsonConfig SingleFile::Config(const std::string& part) const {
  return JsonConfig::Parse(configs_.at(part), path_ + " (" + part + ", by its shapes)");
}

}  // namespace darkroom::sdxl
