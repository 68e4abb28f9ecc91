// SPDX-License-Identifier: Apache-2.0
//
// Jobs that run in steps, through the host's interface: they share steps, join and leave, pause,
// and fail alone.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/host/open_plugin.h"

namespace darkroom::host {
namespace {

using ::testing::HasSubstr;

class StepsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(host_.Open(MOCK_STEPS_PLUGIN).ok()) << host_.status.ToString();
    auto created = host_.plugin->Create({"model", "{}", {1, 0, 4}}, &events_);
    ASSERT_TRUE(created.ok()) << created.status().ToString();
    instance_ = *std::move(created);
    instance_->Load(kNoMemoryLimit);
    ASSERT_TRUE(events_.TakeLoaded().ok());
  }

  static HostJob Job(uint64_t token, int steps, int step_ms = 0, int fail_at = 0) {
    HostJob job;
    job.token = token;
    job.id = "job-" + std::to_string(token);
    job.params = "{\"steps\":" + std::to_string(steps) + ",\"step_ms\":" + std::to_string(step_ms) +
                 ",\"fail_at\":" + std::to_string(fail_at) + "}";
    return job;
  }
  std::string Report(uint64_t token) {
    const JobResult result = events_.TakeResult(token);
    EXPECT_TRUE(result.status.ok()) << result.status.ToString();
    return result.outputs.empty() ? "" : std::string(AsText(result.outputs[0].bytes.bytes()));
  }
  void AwaitSteps() { ASSERT_TRUE(events_.AwaitProgress()); }

  Recorder events_;
  OpenHost host_;
  std::unique_ptr<Instance> instance_;
};

TEST_F(StepsTest, MakesEachJobsStepsAndTellsOfThem) {
  instance_->Run(Batch(Job(1, 3), Job(2, 5)));
  const JobResult first = events_.TakeResult(1);
  ASSERT_TRUE(first.status.ok()) << first.status.ToString();
  EXPECT_EQ(AsText(first.outputs.at(0).bytes.bytes()), R"({"company":2,"steps":3})");
  EXPECT_EQ(first.steps, 3U);
  EXPECT_EQ(first.batch_size, 2U);
  const JobResult second = events_.TakeResult(2);
  EXPECT_EQ(second.steps, 5U);
  EXPECT_EQ(AsText(second.outputs.at(0).bytes.bytes()), R"({"company":2,"steps":5})");
  EXPECT_TRUE(events_.AwaitBatches(1));
}

TEST_F(StepsTest, OthersJoinThoseThatRun) {
  instance_->Run(Batch(Job(1, 100'000)));
  AwaitSteps();
  instance_->Run(Batch(Job(2, 3)));
  EXPECT_EQ(Report(2), R"({"company":2,"steps":3})");
  EXPECT_TRUE(events_.AwaitBatches(1));  // the second is done, whatever becomes of the first
  EXPECT_EQ(Report(1), R"({"company":2,"steps":100000})");
}

TEST_F(StepsTest, WhoFindsNoRoomWaits) {
  for (uint64_t token = 1; token <= 9; ++token) instance_->Run(Batch(Job(token, 200)));
  for (uint64_t token = 1; token <= 9; ++token) Report(token);
  EXPECT_TRUE(events_.AwaitBatches(9));
}

TEST_F(StepsTest, MakesNoStepWhileItIsPaused) {
  instance_->Run(Batch(Job(1, 100'000)));
  AwaitSteps();
  instance_->Pause();
  ASSERT_TRUE(events_.AwaitPaused());
  const size_t made = events_.progress().size();
  EXPECT_LT(made, 100'000U);
  instance_->Run(Batch(Job(2, 1)));  // nor does who joins meanwhile
  instance_->Pause();
  ASSERT_TRUE(events_.AwaitPaused(2));
  EXPECT_EQ(events_.progress().size(), made);
  instance_->Resume();
  EXPECT_EQ(Report(2), R"({"company":2,"steps":1})");
  Report(1);
}

TEST_F(StepsTest, WhoIsCancelledLeavesTheOthers) {
  std::atomic<int32_t> cancel{0};
  HostJob cancelled = Job(1, 100'000);
  cancelled.cancel = &cancel;
  instance_->Run(Batch(std::move(cancelled), Job(2, 2000)));
  AwaitSteps();
  cancel = 1;
  instance_->Cancel(1);
  const JobResult result = events_.TakeResult(1);
  EXPECT_EQ(result.status.code(), Code::kCancelled);
  EXPECT_EQ(result.status.message(), "cancelled while it ran");
  EXPECT_LT(result.steps, 100'000U);
  Report(2);
}

TEST_F(StepsTest, WhoIsCancelledWhileItIsPausedDoesNotWait) {
  std::atomic<int32_t> cancel{0};
  HostJob job = Job(1, 100'000);
  job.cancel = &cancel;
  instance_->Run(Batch(std::move(job)));
  AwaitSteps();
  instance_->Pause();
  ASSERT_TRUE(events_.AwaitPaused());
  cancel = 1;
  instance_->Cancel(1);
  EXPECT_EQ(events_.TakeResult(1).status.code(), Code::kCancelled);
  EXPECT_TRUE(events_.AwaitBatches(1));
}

TEST_F(StepsTest, AStepThatFailsForAllIsTriedByEachAlone) {
  instance_->Run(Batch(Job(1, 20), Job(2, 20, 0, 7), Job(3, 20)));
  const JobResult bad = events_.TakeResult(2);
  EXPECT_EQ(bad.status.code(), Code::kInternal);
  EXPECT_EQ(bad.status.message(), "told to fail at step 7");
  EXPECT_EQ(Report(1), R"({"company":3,"steps":20})");
  EXPECT_EQ(Report(3), R"({"company":3,"steps":20})");
}

TEST_F(StepsTest, UnloadLetsAllRunOut) {
  instance_->Run(Batch(Job(1, 50)));
  instance_->Pause();
  instance_->Unload();
  EXPECT_TRUE(events_.AwaitUnloaded());
  EXPECT_EQ(Report(1), R"({"company":1,"steps":50})");
}

TEST_F(StepsTest, BadInputEndsOnlyItsJob) {
  HostJob bad = Job(1, 3);
  bad.inputs.push_back({"picture", "", AsBytes("x")});
  instance_->Run(Batch(std::move(bad), Job(2, 3)));
  EXPECT_THAT(events_.TakeResult(1).status.message(), HasSubstr("no input \"picture\""));
  EXPECT_EQ(Report(2), R"({"company":1,"steps":3})");
  EXPECT_TRUE(events_.AwaitBatches(1));
}

}  // namespace
}  // namespace darkroom::host
