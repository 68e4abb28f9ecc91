// SPDX-License-Identifier: Apache-2.0

#include "sdxl/unet_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <darkroom/plugin.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "sdxl/vae_config.h"

namespace darkroom::sdxl {
namespace {

using Json = nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

// What stable-diffusion-xl-base-1.0 has, as far as it is no default.
Json Base() {
  return {{"_class_name", "UNet2DConditionModel"},
          {"addition_embed_type", "text_time"},
          {"addition_time_embed_dim", 256},
          {"attention_head_dim", {5, 10, 20}},
          {"block_out_channels", {320, 640, 1280}},
          {"cross_attention_dim", 2048},
          {"down_block_types", {"DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"}},
          {"up_block_types", {"CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"}},
          {"layers_per_block", 2},
          {"num_attention_heads", nullptr},
          {"projection_class_embeddings_input_dim", 2816},
          {"sample_size", 128},
          {"transformer_layers_per_block", {1, 2, 10}},
          {"upcast_attention", nullptr},
          {"use_linear_projection", true}};
}

UNetConfig Read(const Json& json) {
  return ReadUNetConfig(JsonConfig::Parse(json.dump(), "config.json"));
}

std::string Refusal(const Json& change) {
  Json json = Base();
  json.update(change);
  try {
    Read(json);
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), DR_FAILED_PRECONDITION);
    return error.what();
  }
  return "no error";
}

TEST(UNetConfigTest, ReadsThatOfTheBaseModel) {
  const UNetConfig unet = Read(Base());
  ASSERT_EQ(unet.stages.size(), 3U);
  EXPECT_TRUE(unet.stages[0].down_depths.empty());
  EXPECT_TRUE(unet.stages[0].up_depths.empty());
  EXPECT_THAT(unet.stages[1].down_depths, ElementsAre(2, 2));
  EXPECT_THAT(unet.stages[1].up_depths, ElementsAre(2, 2, 2));
  EXPECT_THAT(unet.stages[2].up_depths, ElementsAre(10, 10, 10));
  EXPECT_EQ(unet.stages[2].heads, 20);
  EXPECT_EQ(unet.mid_depth, 10);
  EXPECT_EQ(unet.time_width, 1280);
  EXPECT_EQ(unet.factor(), 4);
  EXPECT_EQ(unet.groups, 32);
}

TEST(UNetConfigTest, AMiddleThatIsNullIsNone) {
  Json json = Base();
  EXPECT_EQ(Read(json).mid, MidBlock::kAttention);
  json["mid_block_type"] = nullptr;
  EXPECT_EQ(Read(json).mid, MidBlock::kNone);
}

TEST(UNetConfigTest, DepthsMayDifferFromBlockToBlock) {
  Json json = Base();
  json["transformer_layers_per_block"] = {1, {2, 1}, {4, 3}};
  EXPECT_THAT(Refusal(json), HasSubstr("reverse_transformer_layers_per_block"));
  json["reverse_transformer_layers_per_block"] = {{4, 4, 10}, {2, 1, 1}, 1};
  const UNetConfig unet = Read(json);
  EXPECT_THAT(unet.stages[1].down_depths, ElementsAre(2, 1));
  EXPECT_THAT(unet.stages[1].up_depths, ElementsAre(2, 1, 1));
  EXPECT_THAT(unet.stages[2].up_depths, ElementsAre(4, 4, 10));
  EXPECT_EQ(unet.mid_depth, 4);
}

TEST(UNetConfigTest, WhatIsNotImplementedIsNamed) {
  for (const Json& change :
       std::vector<Json>{{{"num_attention_heads", 8}},
                         {{"attention_head_dim", 7}},
                         {{"attention_head_dim", {5, 10}}},
                         {{"block_out_channels", {320, 640, 1290}}},
                         {{"block_out_channels", Json::array()}},
                         {{"down_block_types", {"DownBlock2D", "AttnDownBlock2D", "DownBlock2D"}}},
                         {{"up_block_types", {"UpBlock2D", "UpBlock2D"}}},
                         {{"mid_block_type", "UNetMidBlock2DSimpleCrossAttn"}},
                         {{"mid_block_scale_factor", 0}},
                         {{"only_cross_attention", true}},
                         {{"class_embed_type", "timestep"}},
                         {{"num_class_embeds", 10}},
                         {{"encoder_hid_dim", 768}},
                         {{"addition_embed_type", "image"}},
                         {{"addition_time_embed_dim", nullptr}},
                         {{"projection_class_embeddings_input_dim", 3}},
                         {{"time_embedding_type", "fourier"}},
                         {{"freq_shift", 160}},
                         {{"conv_in_kernel", 2}},
                         {{"act_fn", "gelu"}},
                         {{"resnet_time_scale_shift", "ada_group"}},
                         {{"resnet_out_scale_factor", 2.0}},
                         {{"attention_type", "gated"}},
                         {{"cross_attention_norm", "layer_norm"}},
                         {{"downsample_padding", 2}},
                         {{"transformer_layers_per_block", {1, 2, -1}}},
                         {{"transformer_layers_per_block", {1, 2}}},
                         {{"norm_eps", 0}},
                         {{"_class_name", "UNet3DConditionModel"}},
                         {{"a_field_of_tomorrow", 1}}})
    EXPECT_THAT(Refusal(change), HasSubstr(change.begin().key()));
}

TEST(VaeConfigTest, FloatsAreForcedInPlaceOfHalvesAlone) {
  VaeConfig config;
  for (const bool force : {true, false}) {
    config.force_upcast = force;
    for (const auto dtype : {at::kFloat, at::kHalf, at::kBFloat16}) {
      nn::Placement placement;
      placement.dtype = dtype;
      EXPECT_EQ(VaePlacement(config, placement).dtype,
                force && dtype == at::kHalf ? at::kFloat : dtype);
    }
  }
}

TEST(VaeConfigTest, WhatIsNotImplementedIsNamed) {
  const Json base = {{"_class_name", "AutoencoderKL"},
                     {"block_out_channels", {32, 64}},
                     {"down_block_types", {"DownEncoderBlock2D", "DownEncoderBlock2D"}},
                     {"up_block_types", {"UpDecoderBlock2D", "UpDecoderBlock2D"}}};
  EXPECT_EQ(ReadVaeConfig(JsonConfig::Parse(base.dump(), "config.json")).factor(), 2);
  for (const Json& change :
       std::vector<Json>{{{"down_block_types", {"DownEncoderBlock2D"}}},
                         {{"up_block_types", {"UpDecoderBlock2D", "AttnUpDecoderBlock2D"}}},
                         {{"block_out_channels", {32, 65}}},
                         {{"latents_mean", {0.0, 0.0}}},
                         {{"latents_std", {1.0, 1.0, 1.0, 1.0}}},
                         {{"scaling_factor", 0}},
                         {{"act_fn", "relu"}},
                         {{"_class_name", "AutoencoderTiny"}},
                         {{"a_field_of_tomorrow", 1}}}) {
    Json json = base;
    json.update(change);
    try {
      ReadVaeConfig(JsonConfig::Parse(json.dump(), "config.json"));
      ADD_FAILURE() << change.dump();
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(change.begin().key()));
    }
  }
}

}  // namespace
}  // namespace darkroom::sdxl
