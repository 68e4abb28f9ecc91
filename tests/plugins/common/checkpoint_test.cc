// SPDX-License-Identifier: Apache-2.0

#include "common/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <darkroom/plugin.hpp>

#include "common/weight_reader.h"
#include "tests/plugins/common/temporary_file.h"
#include "tests/plugins/common/temporary_folder.h"

namespace darkroom {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// A file with one tensor of two F32.
std::string OneTensor(const std::string& name, const std::string& data = std::string(8, '\0')) {
  return SafetensorsBytes(R"({")" + name + R"(":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                          data);
}

std::string Index(const std::string& map) { return R"({"weight_map": {)" + map + "}}"; }

class CheckpointTest : public testing::Test {
 protected:
  std::string Refusal() const {
    try {
      Checkpoint::Open(folder_.path());
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), DR_FAILED_PRECONDITION);
      return error.what();
    }
    return "no error";
  }

  TemporaryFolder folder_;
};

TEST_F(CheckpointTest, OpensAFolderWithOneFile) {
  folder_.Write("model.safetensors", OneTensor("w"));
  folder_.Write("config.json", "{}");
  const Checkpoint checkpoint = Checkpoint::Open(folder_.path());
  EXPECT_TRUE(checkpoint.tensors().contains("w"));
  EXPECT_TRUE(checkpoint.HasFile("config.json"));
  EXPECT_FALSE(checkpoint.HasFile("tokenizer.json"));
  EXPECT_EQ(checkpoint.BytesIn(at::kFloat), 8U);
  EXPECT_EQ(checkpoint.BytesIn(at::kHalf), 4U);
}

TEST_F(CheckpointTest, OpensAFileItself) {
  folder_.Write("x.safetensors", OneTensor("w"));
  folder_.Write("config.json", "{}");
  const Checkpoint checkpoint = Checkpoint::Open(folder_.path() + "/x.safetensors");
  EXPECT_TRUE(checkpoint.tensors().contains("w"));
  EXPECT_TRUE(checkpoint.HasFile("config.json"));
}

TEST_F(CheckpointTest, JoinsTheFilesOfAnIndex) {
  folder_.Write("a.safetensors", OneTensor("v"));
  folder_.Write("b.safetensors", OneTensor("w", std::string("\0\0\x80\x3f\0\0\0\x40", 8)));
  folder_.Write("model.safetensors.index.json",
                Index(R"("v": "a.safetensors", "w": "b.safetensors")"));
  const Checkpoint checkpoint = Checkpoint::Open(folder_.path());
  EXPECT_EQ(checkpoint.tensors().size(), 2U);
  EXPECT_TRUE(checkpoint.tensors().at("w").equal(at::tensor({1.0F, 2.0F})));
}

TEST_F(CheckpointTest, OpensAnIndexOfAnotherName) {
  folder_.Write("model.fp16-1.safetensors", OneTensor("v"));
  folder_.Write("model.safetensors.index.fp16.json", Index(R"("v": "model.fp16-1.safetensors")"));
  const Checkpoint checkpoint =
      Checkpoint::Open(folder_.path() + "/model.safetensors.index.fp16.json");
  EXPECT_TRUE(checkpoint.tensors().contains("v"));
  EXPECT_EQ(checkpoint.folder(), folder_.path());
}

TEST_F(CheckpointTest, WhoTakesATensorGetsItChanged) {
  folder_.Write("model.safetensors", OneTensor("w"));
  Checkpoint checkpoint = Checkpoint::Open(folder_.path());
  checkpoint.SetChange("w", [](const at::Tensor& tensor) { return tensor + 3; });
  checkpoint.SetChange("other", [](const at::Tensor& tensor) { return tensor; });
  WeightReader reader(checkpoint);
  EXPECT_TRUE(at::equal(reader.Take("w", {2}), at::full({2}, 3.0F)));
  EXPECT_TRUE(at::equal(checkpoint.tensors().at("w"), at::zeros({2})));
  reader.CheckAllTaken();
}

TEST_F(CheckpointTest, ReleasedPagesAreReadAgain) {
  folder_.Write("model.safetensors", OneTensor("w", std::string("\0\0\x80\x3f\0\0\0\x40", 8)));
  const Checkpoint checkpoint = Checkpoint::Open(folder_.path());
  const at::Tensor tensor = checkpoint.tensors().at("w");
  EXPECT_EQ(tensor[1].item<float>(), 2.0F);
  checkpoint.ReleasePages();
  EXPECT_EQ(tensor[1].item<float>(), 2.0F);
}

TEST_F(CheckpointTest, RefusesAnIndexThatIsNotTheFiles) {
  folder_.Write("a.safetensors", OneTensor("v"));
  folder_.Write("model.safetensors.index.json", Index(R"("w": "a.safetensors")"));
  EXPECT_THAT(Refusal(), HasSubstr("'w' is said to be in a.safetensors, but is not there"));
  folder_.Write("model.safetensors.index.json", Index(R"("v": "../a.safetensors")"));
  EXPECT_THAT(Refusal(), HasSubstr("no file's name"));
  folder_.Write("model.safetensors.index.json", R"({"weights": 1})");
  EXPECT_THAT(Refusal(), HasSubstr("no JSON object with a weight_map"));
  folder_.Write("b.safetensors", OneTensor("w"));
  folder_.Write("c.safetensors",
                SafetensorsBytes(R"({"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
                                 R"("y":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
                                 ""));
  folder_.Write("model.safetensors.index.json", Index(R"("x": "c.safetensors")"));
  EXPECT_THAT(Refusal(), HasSubstr("c.safetensors holds tensor 'y'"));
}

TEST_F(CheckpointTest, SaysHowAPickleIsConverted) {
  folder_.Write("pytorch_model.bin", "PK");
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("pytorch_model.bin"), HasSubstr("weights_only=True"),
                               HasSubstr(folder_.path() + "/model.safetensors")));
}

TEST_F(CheckpointTest, SaysWhatIsMissing) {
  EXPECT_THAT(Refusal(), HasSubstr("there is no model.safetensors"));
  folder_.Write("tf_model.h5", "");
  EXPECT_THAT(Refusal(), HasSubstr("tf_model.h5"));
}

TEST(CheckpointPathTest, APathThatIsNotThereIsNotFound) {
  try {
    Checkpoint::Open("/nowhere/at/all");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), DR_NOT_FOUND);
  }
  EXPECT_THROW(Checkpoint::Open("/nowhere/pytorch_model.bin"), Error);
}

}  // namespace
}  // namespace darkroom
