// SPDX-License-Identifier: Apache-2.0

#include "core/model_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace darkroom {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

Json Valid() {
  return Json::parse(R"({
    "id": "enhance", "version": "1.2.3", "summary": "Makes photographs larger.",
    "params": {"type": "object", "properties": {"scale": {"type": "integer"}}},
    "inputs": [{"name": "image", "kind": "image"},
               {"name": "hint", "kind": "tensor", "dtype": "float32", "shape": [-1, "width", null, 3],
                "optional": true}],
    "outputs": [{"name": "image", "kind": "image"}],
    "batch": {"max": 4, "key": ["scale"]},
    "resources": {"device": ["cuda", "cpu"], "memory": 1000000, "torch": "2.11"},
    "unload": "resident", "min_host_minor": 0, "something_newer": {"x": 1}})");
}

TEST(ModelInfo, ReadsAWholeManifest) {
  const Result<ModelInfo> read = ParseModelInfo(Valid().dump());
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  const ModelInfo& info = *read;
  EXPECT_EQ(info.id, "enhance");
  EXPECT_EQ(info.version, "1.2.3");
  EXPECT_EQ(info.summary, "Makes photographs larger.");
  EXPECT_TRUE(info.params["properties"].contains("scale"));
  ASSERT_EQ(info.inputs.size(), 2U);
  EXPECT_EQ(info.FindInput("image")->kind, ValueKind::kImage);
  EXPECT_FALSE(info.FindInput("image")->optional);
  EXPECT_THAT(info.FindInput("hint")->shape, ElementsAre(-1, -1, -1, 3));
  EXPECT_TRUE(info.FindInput("hint")->optional);
  EXPECT_EQ(info.FindInput("other"), nullptr);
  EXPECT_NE(info.FindOutput("image"), nullptr);
  EXPECT_TRUE(info.HasImageOutput());
  EXPECT_EQ(info.batch_max, 4U);
  EXPECT_THAT(info.batch_key, ElementsAre("scale"));
  EXPECT_TRUE(info.RunsOn(DeviceKind::kCuda));
  EXPECT_TRUE(info.RunsOn(DeviceKind::kCpu));
  EXPECT_EQ(info.memory, 1'000'000U);
  EXPECT_EQ(info.torch, "2.11");
  EXPECT_TRUE(info.resident);
}

TEST(ModelInfo, FillsInWhatIsLeftOut) {
  const Result<ModelInfo> info = ParseModelInfo(
      R"({"id": "a", "version": "1", "outputs": [{"name": "x", "kind": "bytes"}], "resources": {"torch": null}})");
  ASSERT_TRUE(info.ok()) << info.status().ToString();
  EXPECT_EQ(info->batch_max, 1U);
  EXPECT_TRUE(info->RunsOn(DeviceKind::kCpu));
  EXPECT_FALSE(info->RunsOn(DeviceKind::kCuda));
  EXPECT_TRUE(info->params.is_object());
  EXPECT_TRUE(info->torch.empty());
  EXPECT_FALSE(info->resident);
  EXPECT_FALSE(info->HasImageOutput());
}

TEST(ModelInfo, NamesTheFieldThatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"id": null})", "manifest's id"},
      {R"({"id": "../up"})", "manifest's id"},
      {R"({"id": "-x"})", "manifest's id"},
      {R"({"id": 7})", "manifest's id must be a string"},
      {R"({"version": null})", "version is missing"},
      {R"({"params": []})", "params must be"},
      {R"({"inputs": {}})", "inputs must be a list"},
      {R"({"inputs": [{"kind": "image"}]})", "inputs[0] has no name"},
      {R"({"inputs": [{"name": "x", "kind": "video"}]})", "inputs[0].kind"},
      {R"({"inputs": [{"name": "x", "kind": "text"}, {"name": "x", "kind": "text"}]})", "twice"},
      {R"({"inputs": [{"name": "x", "kind": "tensor", "shape": [1.5]}]})", "inputs[0].shape"},
      {R"({"inputs": [{"name": "x", "kind": "text", "optional": "yes"}]})", "inputs[0].optional"},
      {R"({"outputs": []})", "outputs must name"},
      {R"({"batch": {"max": 0}})", "batch.max"},
      {R"({"batch": {"max": -1}})", "batch.max"},
      {R"({"batch": {"max": 4294967296}})", "batch.max"},
      {R"({"batch": {"key": [1]}})", "batch.key"},
      {R"({"resources": {"device": ["tpu"]}})", "resources.device"},
      {R"({"resources": {"device": []}})", "resources.device"},
      {R"({"resources": {"torch": 2.11}})", "resources.torch"},
      {R"({"unload": "never"})", "unload"},
      {R"({"extensions": ["darkroom.checkpoint/1"]})",
       "extensions has darkroom.checkpoint/1 without darkroom.stepwise/1"},
  };
  for (const auto& [change, words] : cases) {
    Json manifest = Valid();
    manifest.update(Json::parse(change));
    const Result<ModelInfo> info = ParseModelInfo(manifest.dump());
    ASSERT_FALSE(info.ok()) << change;
    EXPECT_THAT(info.status().message(), HasSubstr(words)) << change;
  }
}

TEST(ModelInfo, KnowsItsExtensions) {
  Json manifest = Valid();
  EXPECT_FALSE(ParseModelInfo(manifest.dump())->stepwise);
  manifest["extensions"] = {"darkroom.stepwise/1", "darkroom.of-a-newer-host/7"};
  EXPECT_TRUE(ParseModelInfo(manifest.dump())->stepwise);
  EXPECT_FALSE(ParseModelInfo(manifest.dump())->checkpoint);
  manifest["extensions"].push_back("darkroom.checkpoint/1");
  EXPECT_TRUE(ParseModelInfo(manifest.dump())->checkpoint);
}

TEST(ModelInfo, RefusesWhatIsNoObject) {
  EXPECT_THAT(ParseModelInfo("[]").status().message(), HasSubstr("no JSON object"));
  EXPECT_THAT(ParseModelInfo("{").status().message(), HasSubstr("not valid JSON"));
}

Json Open() {
  return Json::parse(R"({"id": "exported", "version": "1", "interface": "options",
                         "batch": {"max": 8}})");
}

TEST(ModelInfo, AnOpenInterfaceIsEachModelsOwn) {
  const Result<ModelInfo> plugin = ParseModelInfo(Open().dump());
  ASSERT_TRUE(plugin.ok()) << plugin.status().ToString();
  const Json options = Json::parse(R"({
    "inputs": [{"name": "photo", "kind": "image", "size": [64, 64]}],
    "outputs": [{"name": "depth", "kind": "image"}],
    "params": {"strength": {"type": "number", "default": 1}},
    "batch": {"max": 64}, "sha256": "00"})");
  const Result<ModelInfo> model = ModelInfoFor(*plugin, options);
  ASSERT_TRUE(model.ok()) << model.status().ToString();
  EXPECT_EQ(model->id, "exported");
  EXPECT_NE(model->FindInput("photo"), nullptr);
  EXPECT_TRUE(model->HasImageOutput());
  EXPECT_TRUE(model->params["properties"].contains("strength"));
  EXPECT_EQ(model->params["additionalProperties"], false);
  EXPECT_EQ(model->batch_max, 8U) << "the plugin's is the most";

  const Result<ModelInfo> alone = ModelInfoFor(*plugin, {{"outputs", options["outputs"]}});
  ASSERT_TRUE(alone.ok()) << alone.status().ToString();
  EXPECT_EQ(alone->batch_max, 1U);
  EXPECT_TRUE(alone->inputs.empty());
}

TEST(ModelInfo, AClosedInterfaceIsThePlugins) {
  const Result<ModelInfo> plugin = ParseModelInfo(Valid().dump());
  ASSERT_TRUE(plugin.ok());
  const Result<ModelInfo> model = ModelInfoFor(*plugin, {{"outputs", "of no interest"}});
  ASSERT_TRUE(model.ok());
  EXPECT_NE(model->FindOutput("image"), nullptr);
}

TEST(ModelInfo, OptionsThatAreNoInterfaceAreRefusedByField) {
  const Result<ModelInfo> plugin = ParseModelInfo(Open().dump());
  ASSERT_TRUE(plugin.ok());
  const auto refusal = [&](const char* options) {
    const Status status = ModelInfoFor(*plugin, Json::parse(options)).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << options;
    return status.message();
  };
  EXPECT_EQ(refusal("{}"), "the model's options: outputs must name at least one output");
  EXPECT_EQ(refusal(R"({"outputs": [{"name": "x", "kind": "picture"}]})"),
            "the model's options: outputs[0].kind must be one of image, mask, text, tensor, bytes");
  EXPECT_THAT(refusal(R"({"outputs": [{"name": "x", "kind": "text"}], "params": ["a"]})"),
              HasSubstr("params must be a mapping"));
  EXPECT_THAT(refusal(R"({"outputs": [{"name": "x", "kind": "text"}], "batch": {"max": 0}})"),
              HasSubstr("batch.max must be at least 1"));

  Json both = Open();
  both["outputs"] = Valid()["outputs"];
  EXPECT_THAT(ParseModelInfo(both.dump()).status().message(), HasSubstr("the models' own"));
  Json other = Open();
  other["interface"] = "free";
  EXPECT_EQ(ParseModelInfo(other.dump()).status().message(),
            "the manifest's interface must be \"options\"");
}

}  // namespace
}  // namespace darkroom
