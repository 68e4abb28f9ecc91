// SPDX-License-Identifier: Apache-2.0
//
// Inputs and outputs of every kind through the host: what a plugin sees of a requester's bytes, and
// what comes of its tensors.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "host/decode_image.h"
#include "host/encode_image.h"
#include "tests/host/open_plugin.h"

namespace darkroom::host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Image Gradient(uint32_t width, uint32_t height, uint32_t channels) {
  Image image = MakeImage(width, height, channels);
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels.data()[i] = static_cast<std::byte>(i * 7 & 0xFFU);
  }
  return image;
}

Buffer Png(const Image& image) {
  Result<EncodedImage> encoded = EncodeImage(image.view(), {OutputForm::Image::kPng, 90});
  EXPECT_TRUE(encoded.ok());
  return std::move(encoded->bytes);
}

class ValuesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(host_.Open(VALUES_PLUGIN).ok()) << host_.status.ToString();
    Result<std::unique_ptr<Instance>> created =
        host_.plugin->Create({"model", "{}", {1, 0, 2}}, &events_);
    ASSERT_TRUE(created.ok());
    instance_ = *std::move(created);
    instance_->Load(kNoMemoryLimit);
    ASSERT_TRUE(events_.TakeLoaded().ok());
  }

  JobResult Run(const std::string& name, Bytes bytes, OutputForm form = {}) {
    HostJob job;
    job.token = ++token_;
    job.id = "job";
    job.inputs.push_back({name, "", bytes});
    job.form = form;
    instance_->Run(Batch(std::move(job)));
    return events_.TakeResult(token_);
  }

  Recorder events_;
  OpenHost host_;
  std::unique_ptr<Instance> instance_;
  uint64_t token_ = 0;
};

TEST_F(ValuesTest, ImagesAreDecodedAndEncoded) {
  for (const uint32_t channels : {1U, 2U, 3U, 4U}) {
    const Image image = Gradient(5, 3, channels);
    const Buffer file = Png(image);
    const JobResult result = Run("image", file.bytes());
    ASSERT_TRUE(result.status.ok()) << result.status.ToString();
    ASSERT_EQ(result.outputs.size(), 1U);
    const Output& output = result.outputs[0];
    EXPECT_EQ(output.kind, OutputKind::kImage);
    EXPECT_EQ(output.content_type, "image/png");
    EXPECT_THAT(output.shape, ElementsAre(3, 5, channels));
    const Result<Image> decoded = DecodeImage(output.bytes.bytes(), {});
    ASSERT_TRUE(decoded.ok());
    ASSERT_EQ(decoded->pixels.size(), image.pixels.size());
    EXPECT_EQ(std::memcmp(decoded->pixels.data(), image.pixels.data(), image.pixels.size()), 0);
  }
}

TEST_F(ValuesTest, AJobWithNoneOfItsOptionalOutputsHasFailed) {
  HostJob job;
  job.token = ++token_;
  job.id = "job";
  instance_->Run(Batch(std::move(job)));
  const JobResult result = events_.TakeResult(token_);
  EXPECT_EQ(result.status.code(), Code::kInternal);
  EXPECT_THAT(result.status.message(), HasSubstr("without its output \"image\""));
}

TEST_F(ValuesTest, ImagesComeInTheFormAskedFor) {
  const Buffer file = Png(Gradient(16, 16, 3));
  EXPECT_EQ(Run("image", file.bytes(), {OutputForm::Image::kJpeg, 80}).outputs.at(0).content_type,
            "image/jpeg");
  EXPECT_EQ(Run("image", file.bytes(), {OutputForm::Image::kWebp, 80}).outputs.at(0).content_type,
            "image/webp");
}

TEST_F(ValuesTest, MasksHaveOneChannel) {
  Image white = MakeImage(4, 4, 3);
  std::memset(white.pixels.data(), 255, white.pixels.size());
  const Buffer file = Png(white);
  const JobResult result = Run("mask", file.bytes());
  ASSERT_TRUE(result.status.ok()) << result.status.ToString();
  EXPECT_THAT(result.outputs.at(0).shape, ElementsAre(4, 4, 1));
  const Result<Image> decoded = DecodeImage(result.outputs[0].bytes.bytes(), {});
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->pixels.data()[0], std::byte{255});
}

TEST_F(ValuesTest, TextGoesThroughAsItIs) {
  const JobResult result = Run("text", AsBytes("gr\xC3\xBC\xC3\x9F dich"));
  ASSERT_TRUE(result.status.ok());
  EXPECT_EQ(result.outputs.at(0).kind, OutputKind::kText);
  EXPECT_EQ(result.outputs[0].content_type, "text/plain; charset=utf-8");
  EXPECT_EQ(AsText(result.outputs[0].bytes.bytes()), "gr\xC3\xBC\xC3\x9F dich");
}

TEST_F(ValuesTest, TensorsHaveTheManifestsShapeWhereverTheirBytesLie) {
  const std::vector<float> values = {1.5F, -2, 3, 4, 5, 6};
  std::vector<std::byte> bytes(values.size() * sizeof(float) + 1);
  std::memcpy(bytes.data() + 1, values.data(), bytes.size() - 1);
  for (const size_t offset : {0U, 1U}) {
    const Bytes raw = Bytes(bytes).subspan(offset, values.size() * sizeof(float));
    const JobResult result = Run("tensor", raw);
    ASSERT_TRUE(result.status.ok()) << result.status.ToString();
    EXPECT_EQ(result.outputs.at(0).kind, OutputKind::kTensor);
    EXPECT_EQ(result.outputs[0].dtype, "float32");
    EXPECT_THAT(result.outputs[0].shape, ElementsAre(3, 2));
    EXPECT_EQ(std::memcmp(result.outputs[0].bytes.data(), raw.data(), raw.size()), 0);
  }
}

TEST_F(ValuesTest, InputsThatDoNotFitAreRefused) {
  const std::vector<std::byte> bytes(12);
  EXPECT_THAT(Run("tensor", Bytes(bytes).first(11)).status.message(), HasSubstr("no whole number"));
  EXPECT_THAT(Run("tensor", bytes).status.message(), HasSubstr("3 elements"));
  const Status text = Run("image", AsBytes("this is no picture")).status;
  EXPECT_EQ(text.code(), Code::kInvalidArgument);
  EXPECT_THAT(text.message(), HasSubstr("the input \"image\""));
  EXPECT_FALSE(Run("image", {}).status.ok());
}

TEST_F(ValuesTest, LimitsAreTheHostsOptions) {
  HostOptions options;
  options.max_pixels = 10;
  options.max_input_bytes = 200;
  OpenHost host(options);
  ASSERT_TRUE(host.Open(VALUES_PLUGIN).ok());
  Recorder events;
  auto instance = host.plugin->Create({"model", "{}", {1, 0, 1}}, &events);
  ASSERT_TRUE(instance.ok());
  (*instance)->Load(kNoMemoryLimit);
  ASSERT_TRUE(events.TakeLoaded().ok());
  const Buffer file = Png(Gradient(4, 4, 1));
  const std::string text(201, 'x');
  HostJob pixels;
  pixels.token = 1;
  pixels.inputs.push_back({"image", "", file.bytes()});
  HostJob bytes;
  bytes.token = 2;
  bytes.inputs.push_back({"text", "", AsBytes(text)});
  (*instance)->Run(Batch(std::move(pixels)));
  (*instance)->Run(Batch(std::move(bytes)));
  EXPECT_EQ(events.TakeResult(1).status.code(), Code::kTooLarge);
  EXPECT_EQ(events.TakeResult(2).status.code(), Code::kTooLarge);
}

}  // namespace
}  // namespace darkroom::host
