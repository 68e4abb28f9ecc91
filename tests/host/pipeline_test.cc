// SPDX-License-Identifier: Apache-2.0
//
// Pictures are decoded ahead of a busy lane and encoded behind it, and nothing else changes by
// that.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "host/decode_image.h"
#include "host/encode_image.h"
#include "tests/host/open_plugin.h"

namespace darkroom::host {
namespace {

using ::testing::Contains;
using ::testing::Pair;

// Notes the names of the threads that report.
class ThreadNotes final : public Recorder {
 public:
  void OnFinished(uint64_t token, JobResult result) override {
    std::array<char, 16> name{};
    pthread_getname_np(pthread_self(), name.data(), name.size());
    {
      const std::lock_guard lock(mutex_);
      by_token_[token] = name.data();
    }
    Recorder::OnFinished(token, std::move(result));
  }
  std::map<uint64_t, std::string> threads() {
    const std::lock_guard lock(mutex_);
    return by_token_;
  }

 private:
  std::mutex mutex_;
  std::map<uint64_t, std::string> by_token_;
};

Image Noise(uint32_t seed) {
  Image image = MakeImage(200, 150, 3);
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    seed = seed * 1664525U + 1013904223U;
    image.pixels.data()[i] = static_cast<std::byte>(seed >> 24U);
  }
  return image;
}

Buffer Png(const Image& image) {
  auto encoded = EncodeImage(image.view(), {OutputForm::Image::kPng, 90});
  EXPECT_TRUE(encoded.ok());
  return std::move(encoded->bytes);
}

HostJob PictureJob(uint64_t token, Bytes picture) {
  HostJob job;
  job.token = token;
  job.id = "job-" + std::to_string(token);
  job.inputs.push_back({"image", "", picture});
  return job;
}

class PipelineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(host_.Open(VALUES_PLUGIN).ok()) << host_.status.ToString();
    auto created = host_.plugin->Create({"model", "{}", {1, 0, 2}}, &events_);
    ASSERT_TRUE(created.ok());
    instance_ = *std::move(created);
    instance_->Load(kNoMemoryLimit);
    ASSERT_TRUE(events_.TakeLoaded().ok());
  }

  // Has the lane until EndWait.
  void BeginWait() {
    HostJob job;
    job.token = kWaits;
    job.inputs.push_back({"text", "", AsBytes("wait")});
    job.cancel = &cancel_;
    instance_->Run(Batch(std::move(job)));
    ASSERT_TRUE(events_.AwaitProgress());
  }
  void EndWait() {
    cancel_ = 1;
    events_.TakeResult(kWaits);
  }

  static constexpr uint64_t kWaits = 1000;
  std::atomic<int32_t> cancel_{0};
  ThreadNotes events_;
  OpenHost host_;
  std::unique_ptr<Instance> instance_;
};

TEST_F(PipelineTest, ManyPicturesComeOutAsTheyWentIn) {
  constexpr uint64_t kBatches = 40;
  std::vector<Buffer> pictures;
  for (uint64_t i = 0; i < 2 * kBatches; ++i)
    pictures.push_back(Png(Noise(static_cast<uint32_t>(i))));
  for (uint64_t i = 0; i < kBatches; ++i) {
    instance_->Run(Batch(PictureJob(2 * i, pictures[2 * i].bytes()),
                         PictureJob(2 * i + 1, pictures[2 * i + 1].bytes())));
  }
  for (uint64_t i = 0; i < 2 * kBatches; ++i) {
    const JobResult result = events_.TakeResult(i);
    ASSERT_TRUE(result.status.ok()) << result.status.ToString();
    auto decoded = DecodeImage(result.outputs.at(0).bytes.bytes(), ImageLimits());
    ASSERT_TRUE(decoded.ok());
    const Image expected = Noise(static_cast<uint32_t>(i));
    EXPECT_EQ(AsText(decoded->pixels.bytes()), AsText(expected.pixels.bytes())) << i;
  }
  EXPECT_TRUE(events_.AwaitBatches(kBatches));
  EXPECT_THAT(events_.doubled(), ::testing::IsEmpty());
  EXPECT_THAT(events_.threads(), Contains(Pair(::testing::_, "codec")));
}

TEST_F(PipelineTest, ALonePictureStaysOnTheLane) {
  const Buffer picture = Png(Noise(1));
  instance_->Run(Batch(PictureJob(1, picture.bytes())));
  EXPECT_TRUE(events_.TakeResult(1).status.ok());
  EXPECT_EQ(events_.threads().at(1), "model");
}

TEST_F(PipelineTest, ABadPictureIsToldOfBeforeItsTurn) {
  Buffer bad = Png(Noise(1));
  for (size_t i = 100; i < bad.size(); ++i) bad.data()[i] = std::byte{0};
  const Buffer good = Png(Noise(2));
  BeginWait();
  instance_->Run(Batch(PictureJob(1, bad.bytes()), PictureJob(2, good.bytes())));
  EXPECT_EQ(events_.TakeResult(1).status.code(), Code::kInvalidArgument);  // while the other waits
  EndWait();
  EXPECT_TRUE(events_.TakeResult(2).status.ok());
  EXPECT_TRUE(events_.AwaitBatches(2));
}

TEST_F(PipelineTest, WhatWasDecodedAheadAndCancelledDoesNotRun) {
  const Buffer picture = Png(Noise(1));
  std::atomic<int32_t> cancel{0};
  HostJob job = PictureJob(1, picture.bytes());
  job.cancel = &cancel;
  BeginWait();
  instance_->Run(Batch(std::move(job), PictureJob(2, picture.bytes())));
  cancel = 1;
  EndWait();
  EXPECT_EQ(events_.TakeResult(1).status.code(), Code::kCancelled);
  EXPECT_TRUE(events_.TakeResult(2).status.ok());
}

TEST_F(PipelineTest, UnloadComesAfterWhatIsStillEncoded) {
  const Buffer picture = Png(Noise(1));
  for (uint64_t i = 0; i < 20; ++i) {
    instance_->Run(
        Batch(PictureJob(2 * i, picture.bytes()), PictureJob(2 * i + 1, picture.bytes())));
  }
  instance_->Unload();
  ASSERT_TRUE(events_.AwaitUnloaded());
  EXPECT_EQ(events_.order().size(), 40U);
}

TEST_F(PipelineTest, BatchesThatAreNotRunEndAllTheirJobs) {
  instance_->Unload();
  ASSERT_TRUE(events_.AwaitUnloaded());
  const Buffer picture = Png(Noise(1));
  for (uint64_t i = 0; i < 10; ++i) {
    instance_->Run(
        Batch(PictureJob(2 * i, picture.bytes()), PictureJob(2 * i + 1, picture.bytes())));
  }
  for (uint64_t i = 0; i < 20; ++i) {
    EXPECT_EQ(events_.TakeResult(i).status.code(), Code::kFailedPrecondition);
  }
  EXPECT_TRUE(events_.AwaitBatches(10));
}

}  // namespace
}  // namespace darkroom::host
