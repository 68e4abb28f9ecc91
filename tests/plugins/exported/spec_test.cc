// SPDX-License-Identifier: Apache-2.0

#include "exported/spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <darkroom/plugin.hpp>
#include <nlohmann/json.hpp>

namespace darkroom::exported {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

Spec Read(const Json& options) {
  const JsonConfig config = JsonConfig::Parse(options.dump(), "options of the model");
  Spec spec = ReadSpec(config);
  config.CheckAllRead();
  return spec;
}

Json Usual() {
  return Json::parse(R"({
    "inputs": [{"name": "photo", "kind": "image", "range": [-1, 1], "size": [32, 48]},
               {"name": "mask", "kind": "mask"},
               {"name": "words", "kind": "text", "length": 8},
               {"name": "numbers", "kind": "tensor", "dtype": "float32", "shape": [-1, 4]}],
    "outputs": [{"name": "result", "kind": "image"},
                {"name": "row", "kind": "tensor", "dtype": "float16"}],
    "params": {"strength": {"type": "number", "default": 1}}})");
}

TEST(ReadSpec, ReadsEachKind) {
  const Spec spec = Read(Usual());
  EXPECT_THAT(spec.arguments, ElementsAre("photo", "mask", "words", "numbers", "strength"));
  EXPECT_FALSE(spec.batched);
  const auto& photo = std::get<PictureInput>(spec.inputs[0].how);
  EXPECT_EQ(photo.channels, 3);
  EXPECT_EQ(photo.processing.size, (ImageSize{32, 48}));
  EXPECT_DOUBLE_EQ(*photo.processing.rescale_factor, 2.0 / 255);
  EXPECT_TRUE(photo.processing.normalize);
  EXPECT_DOUBLE_EQ(photo.processing.mean[1], 1) << "black is -1";
  EXPECT_EQ(std::get<PictureInput>(spec.inputs[1].how).channels, 1);
  EXPECT_EQ(std::get<TokensInput>(spec.inputs[2].how).length, 8);
  EXPECT_TRUE(std::holds_alternative<AsItIs>(spec.inputs[3].how));
  EXPECT_EQ(spec.outputs[1].from, ResultName(int64_t{1}));
  EXPECT_EQ(std::get<TensorOutput>(spec.outputs[1].how).dtype, at::kHalf);
}

TEST(ReadSpec, RefusesByField) {
  struct Case {
    const char* patch;  // merged into the usual
    const char* words;
  };
  const Case cases[] = {
      {R"({"inputs": [{"name": "a", "kind": "image", "channels": 4}]})", "inputs.0.channels is 4"},
      {R"({"inputs": [{"name": "a", "kind": "image", "order": "gbr"}]})", "there are rgb, bgr"},
      {R"({"inputs": [{"name": "a", "kind": "image", "layout": "chw"}]})", "there are nchw, nhwc"},
      {R"({"inputs": [{"name": "a", "kind": "image", "as": "float8"}]})", "float16"},
      {R"({"inputs": [{"name": "a", "kind": "image", "size": [3]}]})", "[height, width]"},
      {R"({"inputs": [{"name": "a", "kind": "image", "size": [3, 3], "shortest_edge": 3}]})",
       "there is a size, too"},
      {R"({"inputs": [{"name": "a", "kind": "image", "range": [1, 0]}]})", "black"},
      {R"({"inputs": [{"name": "a", "kind": "image", "mean": [1, 2]}]})",
       "one number, or of three"},
      {R"({"inputs": [{"name": "a", "kind": "image", "optional": true}]})", "only false"},
      {R"({"inputs": [{"name": "a", "kind": "text"}]})", "inputs.0.length"},
      {R"({"inputs": [{"name": "a", "kind": "text", "length": 4, "as": "float32"}]})",
       "int64 or int32"},
      {R"({"outputs": [{"name": "a", "kind": "image", "range": "wide"}]})",
       "[black, white] or auto"},
      {R"({"outputs": [{"name": "a", "kind": "image", "size": "original"}]})", "only \"input\""},
      {R"({"outputs": [{"name": "a", "kind": "tensor", "from": -1}]})", "counted from 0"},
      {R"({"outputs": [{"name": "a", "kind": "text", "labels": []}]})", "labels"},
      {R"({"outputs": [{"name": "a", "kind": "bytes", "form": "obj"}]})", "only \"ply\""},
      {R"({"outputs": [{"name": "a", "kind": "bytes", "form": "ply"}]})", "one property at least"},
      {R"({"outputs": [{"name": "a", "kind": "bytes", "form": "ply",
                        "parts": [{"properties": ["a b"]}]}]})",
       "one word"},
      {R"({"arguments": ["photo", "photo"]})", "twice"},
      {R"({"arguments": ["photo", "strenth"]})", "no input and no param 'strenth'"},
      {R"({"arguments": ["photo", "mask"]})", "each input and each param"},
      {R"({"params": {"a": {}, "b": {}}})", "in which order"},
      {R"({"colour": 3})", "colour"},
      {R"({"inputs": {"name": "a"}})", "list of objects"},
  };
  for (const Case& one : cases) {
    Json options = Usual();
    options.update(Json::parse(one.patch));
    try {
      Read(options);
      ADD_FAILURE() << one.patch;
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), DR_FAILED_PRECONDITION);
      EXPECT_THAT(error.what(), HasSubstr(one.words)) << one.patch;
    }
  }
}

}  // namespace
}  // namespace darkroom::exported
