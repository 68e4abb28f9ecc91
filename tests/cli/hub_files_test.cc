// SPDX-License-Identifier: Apache-2.0

#include "cli/hub/hub_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> Chosen(const std::vector<std::string>& paths,
                                const HubChoice& choice = {}) {
  std::vector<HubFile> files;
  for (const std::string& path : paths) files.push_back({path, 1, "", ""});
  const auto chosen = ChooseFiles(files, choice);
  std::vector<std::string> names;
  if (!chosen.ok()) return {chosen.status().message()};
  for (const HubFile& file : *chosen) names.push_back(file.path);
  return names;
}

TEST(HubFilesTest, APathStaysInItsFolder) {
  for (const char* good : {"a", "a/b.json", "a b", ".a", "a/..b", "é"})
    EXPECT_TRUE(IsSafePath(good)) << good;
  for (const char* bad :
       {"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "../a", "a/.", "a\\b", "a\nb", "a\x7f"})
    EXPECT_FALSE(IsSafePath(bad)) << bad;
  EXPECT_FALSE(IsSafePath(std::string(300, 'a')));
}

TEST(HubFilesTest, ARepositoryHasAnOwnerOrNone) {
  for (const char* good : {"gpt2", "openai/clip-vit-base-patch32", "a/b.c_d-1"})
    EXPECT_TRUE(IsRepository(good)) << good;
  for (const char* bad : {"", "/", "a/", "/a", "a/b/c", "../a", "a/..", "a b", "a/b?x", "a/b#c"})
    EXPECT_FALSE(IsRepository(bad)) << bad;
}

TEST(HubFilesTest, WeightsOfOnePrecision) {
  const std::vector<std::string> both = {"model.fp16.safetensors", "model.safetensors"};
  EXPECT_THAT(Chosen(both), ElementsAre("model.safetensors"));
  EXPECT_THAT(Chosen(both, {.variant = "fp16"}), ElementsAre("model.fp16.safetensors"));
  EXPECT_THAT(Chosen(both, {.variant = "bf16"}), ElementsAre("model.safetensors"));
  EXPECT_THAT(Chosen({"model.fp16.safetensors"}), ElementsAre("model.fp16.safetensors"));
  EXPECT_THAT(Chosen({"m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors",
                      "m.fp16-00001-of-00001.safetensors", "m.safetensors.index.json",
                      "m.fp16.safetensors.index.json", "m.safetensors.index.fp16.json"}),
              ElementsAre("m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors",
                          "m.safetensors.index.json", "m.safetensors.index.fp16.json"));
}

TEST(HubFilesTest, PicklesOnlyWhenAskedForAndNeeded) {
  EXPECT_THAT(Chosen({"model.bin", "a/model.pt"}).front(), HasSubstr("model.bin"));
  EXPECT_THAT(Chosen({"model.bin", "a/model.safetensors"}), ElementsAre("a/model.safetensors"));
  EXPECT_THAT(Chosen({"model.bin", "model.safetensors", "a/model.pt"}, {.pickles = true}),
              ElementsAre("model.safetensors", "a/model.pt"));
}

TEST(HubFilesTest, APipelineIsInItsFolders) {
  EXPECT_THAT(Chosen({"model_index.json", "all.safetensors", "unet/a.safetensors"}),
              ElementsAre("model_index.json", "unet/a.safetensors"));
}

TEST(HubFilesTest, KnowsWhichPluginRunsIt) {
  EXPECT_EQ(PluginFor(R"({"model_type": "siglip"})", ""), "clip");
  EXPECT_EQ(PluginFor(R"({"model_type": "blip"})", ""), "caption");
  EXPECT_EQ(PluginFor("", R"({"_class_name": "StableDiffusionXLImg2ImgPipeline"})"), "sdxl");
  EXPECT_EQ(PluginFor("nonsense", "[]"), "");
  EXPECT_EQ(PluginFor(R"({"model_type": 7})", ""), "");
}

}  // namespace
}  // namespace darkroom
