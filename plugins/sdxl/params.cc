// SPDX-License-Identifier: Apache-2.0

#include "sdxl/params.h"

#include <darkroom/plugin.hpp>
#include <nlohmann/json.hpp>

#include "common/json_config.h"
#include "common/nn/placement.h"

namespace darkroom::sdxl {
namespace {

using Json = nlohmann::json;
using Size = std::array<int64_t, 2>;

int64_t Bounded(const JsonConfig& given, const char* name, int64_t otherwise, int64_t least,
                int64_t most) {
  const int64_t value = given.Integer(name, otherwise);
  if (value < least || value > most)
    given.Refuse(name, "it must be " + std::to_string(least) + " to " + std::to_string(most));
  return value;
}

// One, or a list of several.
std::vector<CompiledFile> ReadCompiled(const JsonConfig& given) {
  std::vector<CompiledFile> files;
  const auto add = [&files](const JsonConfig& one) {
    files.push_back({one.Text("file"), one.Text("sha256", "")});
    if (files.back().path.empty()) one.Refuse("file", "it must name a package");
  };
  if (given.IsList("compiled")) {
    for (const JsonConfig& one : given.List("compiled")) add(one);
  } else if (given.Has("compiled")) {
    if (!given.HasSection("compiled"))
      given.Refuse("compiled", "it must be {file, sha256}, or a list of such");
    add(given.Section("compiled"));
  }
  return files;
}

}  // namespace

Options ParseOptions(std::string_view config) {
  const Json json = Json::parse(config, nullptr, false);
  if (!json.is_object()) throw Error(DR_INVALID_ARGUMENT, "the configuration is no JSON object");
  if (!json.contains("weights") || !json["weights"].is_string())
    throw Error(DR_INVALID_ARGUMENT,
                "the model has no weights: name the folder of a Stable Diffusion XL, with "
                "model_index.json, or a checkpoint in a single .safetensors file");
  const JsonConfig given =
      JsonConfig::Parse(json.value("options", Json::object()).dump(), "options of the model");
  Options options;
  options.weights = json["weights"].get<std::string>();
  options.dtype = given.Text("dtype", options.dtype);
  options.engine = given.Text("engine", options.engine);
  options.rows = Bounded(given, "rows", options.rows, 1, 256);
  options.tile = Bounded(given, "tile", options.tile, 64, 8192);
  options.prompts = Bounded(given, "prompts", options.prompts, 0, 4096);
  options.threads = static_cast<int>(Bounded(given, "threads", 0, 0, 1024));
  options.loras = given.Text("loras", "");
  options.embeddings = given.Text("embeddings", "");
  options.lora_sets = Bounded(given, "lora_sets", options.lora_sets, 0, 64);
  options.file.tokenizer = given.Text("tokenizer", "");
  if (given.Has("config")) {
    if (!given.HasSection("config"))
      given.Refuse("config", "it must be an object from a part to fields of its config");
    options.file.config = json["options"]["config"].dump();
  }
  given.Ignore({"config"});  // whoever opens the file reads it
  options.compiled = ReadCompiled(given);
  given.CheckAllRead();
  // Names that nobody knows are told now, and what suits the device when it is known.
  nn::ChooseDtype(options.dtype, at::kCPU);
  nn::ChooseEngine(options.engine, at::kCPU, at::kFloat);
  return options;
}

std::vector<LoraChoice> ParseLoras(std::string_view params) {
  const Json json = Json::parse(params);
  std::vector<LoraChoice> choices;
  for (const Json& lora : json.value("loras", Json::array()))
    choices.push_back({lora.at("name").get<std::string>(), lora.value("weight", 1.0)});
  return choices;
}

MaskParams ParseMask(std::string_view params) {
  const Json json = Json::parse(params);
  return {json.value("invert", false), json.value("grow", int64_t{0}),
          json.value("feather", int64_t{0})};
}

double ParseStrength(std::string_view params, bool has_mask) {
  // The reference's: 1 is other noise, that of nothing of the picture.
  return Json::parse(params).value("strength", has_mask ? 0.9999 : 0.3);
}

bool WantsLatents(std::string_view params) {
  return Json::parse(params).value("output", "image") == "latents";
}

int64_t ParsePreviews(std::string_view params) {
  return Json::parse(params).value("previews", int64_t{0});
}

DrawingRequest ParseRequest(std::string_view params, const std::string& prompt) {
  const Json json = Json::parse(params);
  DrawingRequest request;
  const bool is_weighted = json.value("prompt_weights", false);
  request.prompt = {prompt, json.value("prompt_2", prompt), is_weighted};
  // An absent negative is another than an empty one.
  if (json.contains("negative_prompt") || json.contains("negative_prompt_2")) {
    const std::string negative = json.value("negative_prompt", "");
    request.negative = Prompt{negative, json.value("negative_prompt_2", negative), is_weighted};
  }
  request.height = json.value("height", int64_t{0});
  request.width = json.value("width", int64_t{0});
  request.seed = json.at("seed").get<uint64_t>();
  request.pictures = json.value("num_images", request.pictures);
  request.guidance_scale = json.value("guidance_scale", request.guidance_scale);
  request.guidance_rescale = json.value("guidance_rescale", request.guidance_rescale);
  request.skipped_layers = json.value("clip_skip", request.skipped_layers);
  request.scheduler = json.value("scheduler", request.scheduler);
  request.sampling.steps = json.at("steps").get<int64_t>();
  if (json.contains("denoising_start"))
    request.denoising_start = json["denoising_start"].get<double>();
  if (json.contains("denoising_end")) request.denoising_end = json["denoising_end"].get<double>();
  if (json.contains("eta")) request.sampling.eta = json["eta"].get<double>();
  if (json.contains("original_size")) request.original_size = json["original_size"].get<Size>();
  request.crop = json.value("crops", request.crop);
  if (json.contains("target_size")) request.target_size = json["target_size"].get<Size>();
  request.aesthetic_score = json.value("aesthetic_score", request.aesthetic_score);
  request.negative_aesthetic_score =
      json.value("negative_aesthetic_score", request.negative_aesthetic_score);
  return request;
}

}  // namespace darkroom::sdxl
