// SPDX-License-Identifier: Apache-2.0

#include "sdxl/params.h"

#include <gtest/gtest.h>

#include <darkroom/plugin.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/diffusion/registry.h"

namespace darkroom::sdxl {
namespace {

using Json = nlohmann::json;

Json Manifest() { return Json::parse(std::ifstream(SDXL_MANIFEST)); }

TEST(SdxlParams, TheManifestNamesAllSchedulers) {
  const Json names = Manifest()["params"]["properties"]["scheduler"]["enum"];
  EXPECT_EQ(names.get<std::vector<std::string>>(), diffusion::SchedulerNames());
}

TEST(SdxlParams, TheManifestHasAnOutputForEachPicture) {
  const Json manifest = Manifest();
  EXPECT_EQ(manifest["outputs"].size(), static_cast<size_t>(kMostPictures) + 1);  // and latents
  EXPECT_EQ(manifest["params"]["properties"]["num_images"]["maximum"], kMostPictures);
}

TEST(SdxlParams, DefaultsAreTheManifests) {
  Json params = {{"seed", 7}};
  const Json properties = Manifest()["params"]["properties"];
  for (const auto& [name, property] : properties.items())
    if (property.contains("default")) params[name] = property["default"];
  const DrawingRequest request = ParseRequest(params.dump(), "a cube");
  EXPECT_EQ(request.prompt, (Prompt{"a cube", "a cube"}));
  EXPECT_FALSE(request.negative);
  EXPECT_EQ(request.height, 0);
  EXPECT_EQ(request.width, 0);
  EXPECT_EQ(request.seed, 7U);
  EXPECT_EQ(request.pictures, 1);
  EXPECT_EQ(request.guidance_scale, 5.0);
  EXPECT_EQ(request.guidance_rescale, 0.0);
  EXPECT_EQ(request.skipped_layers, 0);
  EXPECT_EQ(request.scheduler, "default");
  EXPECT_EQ(request.sampling.steps, 30);
  EXPECT_FALSE(request.sampling.eta);
  EXPECT_FALSE(request.original_size);
  EXPECT_FALSE(request.target_size);
  EXPECT_FALSE(request.denoising_start);
  EXPECT_FALSE(request.denoising_end);
  EXPECT_FALSE(WantsLatents(params.dump()));
  EXPECT_EQ(request.aesthetic_score, 6.0);
  EXPECT_EQ(request.negative_aesthetic_score, 2.5);
}

TEST(SdxlParams, PreviewsAreReadFromTheManifestsParam) {
  const Json previews = Manifest()["params"]["properties"]["previews"];
  EXPECT_EQ(previews["default"], 0);
  EXPECT_EQ(ParsePreviews("{}"), 0);
  EXPECT_EQ(ParsePreviews(R"({"previews": 5})"), 5);
}

TEST(SdxlParams, EachIsRead) {
  const DrawingRequest request = ParseRequest(
      R"({"prompt_2": "oil", "negative_prompt": "grey", "negative_prompt_2": "blue", "width": 64,
          "height": 48, "steps": 9, "guidance_scale": 3.5, "guidance_rescale": 0.7,
          "seed": 9007199254740991, "clip_skip": 2, "scheduler": "heun", "num_images": 3, "eta": 0.5,
          "original_size": [1, 2], "crops": [3, 4], "target_size": [5, 6], "aesthetic_score": 9,
          "negative_aesthetic_score": 0.5, "denoising_start": 0.25, "denoising_end": 0.75})",
      "a cube");
  EXPECT_EQ(request.prompt, (Prompt{"a cube", "oil"}));
  EXPECT_EQ(request.negative, (Prompt{"grey", "blue"}));
  EXPECT_EQ(request.height, 48);
  EXPECT_EQ(request.width, 64);
  EXPECT_EQ(request.seed, 9007199254740991U);
  EXPECT_EQ(request.pictures, 3);
  EXPECT_EQ(request.guidance_scale, 3.5);
  EXPECT_EQ(request.guidance_rescale, 0.7);
  EXPECT_EQ(request.skipped_layers, 2);
  EXPECT_EQ(request.scheduler, "heun");
  EXPECT_EQ(request.sampling.steps, 9);
  EXPECT_EQ(request.sampling.eta, 0.5);
  using Size = std::array<int64_t, 2>;
  EXPECT_EQ(request.original_size, (Size{1, 2}));
  EXPECT_EQ(request.crop, (Size{3, 4}));
  EXPECT_EQ(request.target_size, (Size{5, 6}));
  EXPECT_EQ(request.aesthetic_score, 9.0);
  EXPECT_EQ(request.negative_aesthetic_score, 0.5);
  EXPECT_EQ(request.denoising_start, 0.25);
  EXPECT_EQ(request.denoising_end, 0.75);
  EXPECT_TRUE(WantsLatents(R"({"output": "latents"})"));
}

TEST(SdxlParams, WeightsAreForAllPromptsOrForNone) {
  const DrawingRequest request = ParseRequest(
      R"({"seed": 0, "steps": 1, "negative_prompt": "a", "prompt_weights": true})", "b");
  EXPECT_EQ(request.prompt, (Prompt{"b", "b", true}));
  EXPECT_EQ(request.negative, (Prompt{"a", "a", true}));
}

TEST(SdxlParams, LorasWeighOneUnlessTheySay) {
  const auto loras = ParseLoras(R"({"loras": [{"name": "a"}, {"name": "b", "weight": -0.5}]})");
  ASSERT_EQ(loras.size(), 2U);
  EXPECT_EQ(loras[0].name, "a");
  EXPECT_EQ(loras[0].weight, 1.0);
  EXPECT_EQ(loras[1].name, "b");
  EXPECT_EQ(loras[1].weight, -0.5);
  EXPECT_TRUE(ParseLoras("{}").empty());
}

TEST(SdxlParams, MasksAndStrength) {
  const MaskParams mask = ParseMask(R"({"invert": true, "grow": 3, "feather": 4})");
  EXPECT_TRUE(mask.invert);
  EXPECT_EQ(mask.grow, 3);
  EXPECT_EQ(mask.feather, 4);
  EXPECT_EQ(ParseStrength("{}", false), 0.3);
  EXPECT_EQ(ParseStrength("{}", true), 0.9999);
  EXPECT_EQ(ParseStrength(R"({"strength": 0.5})", true), 0.5);
}

TEST(SdxlParams, OneNegativeIsForBothEncoders) {
  const auto negative = [](const char* params) { return ParseRequest(params, "").negative; };
  EXPECT_EQ(negative(R"({"seed": 0, "steps": 1, "negative_prompt": ""})"), (Prompt{"", ""}));
  EXPECT_EQ(negative(R"({"seed": 0, "steps": 1, "negative_prompt": "a"})"), (Prompt{"a", "a"}));
  EXPECT_EQ(negative(R"({"seed": 0, "steps": 1, "negative_prompt_2": "b"})"), (Prompt{"", "b"}));
}

std::string Refused(const std::string& config) {
  try {
    ParseOptions(config);
  } catch (const Error& error) {
    EXPECT_TRUE(error.status() == DR_INVALID_ARGUMENT || error.status() == DR_FAILED_PRECONDITION);
    return error.what();
  }
  return "nothing";
}

TEST(SdxlOptions, OneCompiledNetworkOrSeveral) {
  EXPECT_TRUE(ParseOptions(R"({"weights": "/w"})").compiled.empty());
  const Options one = ParseOptions(
      R"({"weights": "/w", "options": {"compiled": {"file": "/a.pt2", "sha256": "A1"}}})");
  ASSERT_EQ(one.compiled.size(), 1U);
  EXPECT_EQ(one.compiled[0].path, "/a.pt2");
  EXPECT_EQ(one.compiled[0].sha256, "A1");
  const Options two = ParseOptions(
      R"({"weights": "/w", "options": {"compiled": [{"file": "/a.pt2"}, {"file": "/b.pt2"}]}})");
  ASSERT_EQ(two.compiled.size(), 2U);
  EXPECT_EQ(two.compiled[1].path, "/b.pt2");
}

TEST(SdxlOptions, AreReadOrRefusedByName) {
  const Options options = ParseOptions(
      R"({"weights": "/w", "options": {"dtype": "bfloat16", "engine": "aten", "rows": 4,
          "tile": 512, "prompts": 0, "threads": 3, "loras": "/l", "embeddings": "/e",
          "lora_sets": 64, "tokenizer": "/t", "config": {"vae": {"sample_size": 8}}}})");
  EXPECT_EQ(options.weights, "/w");
  EXPECT_EQ(options.dtype, "bfloat16");
  EXPECT_EQ(options.engine, "aten");
  EXPECT_EQ(options.rows, 4);
  EXPECT_EQ(options.tile, 512);
  EXPECT_EQ(options.prompts, 0);
  EXPECT_EQ(options.threads, 3);
  EXPECT_EQ(options.loras, "/l");
  EXPECT_EQ(options.lora_sets, 64);
  EXPECT_EQ(ParseOptions(R"({"weights": "/w"})").lora_sets, 0) << "in place";
  EXPECT_EQ(options.embeddings, "/e");
  EXPECT_EQ(options.file.tokenizer, "/t");
  EXPECT_EQ(options.file.config, R"({"vae":{"sample_size":8}})");
  EXPECT_NE(Refused("{}").find("no weights"), std::string::npos);
  for (const auto& [option, word] : {std::pair{R"("rows": 0)", "rows"},
                                     {R"("tile": 63)", "tile"},
                                     {R"("prompts": -1)", "prompts"},
                                     {R"("threads": "two")", "threads"},
                                     {R"("dtype": "int4")", "int4"},
                                     {R"("engine": "gpu")", "gpu"},
                                     {R"("config": [1])", "config"},
                                     {R"("lora_sets": -1)", "lora_sets"},
                                     {R"("lora_sets": 65)", "lora_sets"},
                                     {R"("embeddings": 3)", "embeddings"},
                                     {R"("tokenizer": 3)", "tokenizer"},
                                     {R"("size": 3)", "size"}})
    EXPECT_NE(Refused(R"({"weights": "/w", "options": {)" + std::string(option) + "}}").find(word),
              std::string::npos)
        << option;
}

}  // namespace
}  // namespace darkroom::sdxl
