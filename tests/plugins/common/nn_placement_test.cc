// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <darkroom/plugin.hpp>

#include "common/nn/activation.h"
#include "common/nn/placement.h"

namespace darkroom::nn {
namespace {

const at::Device kGpu(at::kCUDA, 0);

TEST(PlacementTest, HalvesAreForDevicesThatComputeInThem) {
  EXPECT_EQ(ChooseDtype("auto", at::kCPU), at::kFloat);
  EXPECT_EQ(ChooseDtype("auto", kGpu), at::kHalf);
  EXPECT_EQ(ChooseDtype("auto", kGpu, at::kBFloat16), at::kBFloat16);
  EXPECT_EQ(ChooseDtype("float32", kGpu), at::kFloat);
  EXPECT_EQ(ChooseDtype("bfloat16", at::kCPU), at::kBFloat16);
  EXPECT_THROW(ChooseDtype("int4", at::kCPU), Error);
}

TEST(PlacementTest, PackingIsForFloatsOnTheCpu) {
  EXPECT_EQ(ChooseEngine("auto", at::kCPU, at::kFloat), Engine::kPacked);
  EXPECT_EQ(ChooseEngine("int8", at::kCPU, at::kFloat), Engine::kInt8);
  EXPECT_EQ((Placement{at::kCPU, at::kFloat, Engine::kInt8}.Exact().engine), Engine::kPacked);
  EXPECT_EQ(ChooseEngine("aten", at::kCPU, at::kFloat), Engine::kAten);
  EXPECT_EQ(ChooseEngine("auto", at::kCPU, at::kBFloat16), Engine::kAten);
  EXPECT_EQ(ChooseEngine("auto", kGpu, at::kHalf), Engine::kAten);
  EXPECT_THROW(ChooseEngine("packed", kGpu, at::kHalf), Error);
  EXPECT_THROW(ChooseEngine("int8", kGpu, at::kHalf), Error);
  EXPECT_THROW(ChooseEngine("fast", at::kCPU, at::kFloat), Error);
}

TEST(ActivationTest, NamesAreThoseOfTheConfigs) {
  const auto read = [](const std::string& name) {
    return ReadActivation(JsonConfig::Parse(R"({"hidden_act": ")" + name + R"("})", "config.json"),
                          "hidden_act", "relu");
  };
  EXPECT_EQ(read("quick_gelu"), Activation::kQuickGelu);
  EXPECT_EQ(read("gelu"), Activation::kGelu);
  EXPECT_EQ(read("gelu_new"), Activation::kGeluTanh);
  EXPECT_EQ(ReadActivation(JsonConfig::Parse("{}", "c"), "hidden_act", "relu"), Activation::kRelu);
  EXPECT_THROW(read("mish"), Error);
}

}  // namespace
}  // namespace darkroom::nn
