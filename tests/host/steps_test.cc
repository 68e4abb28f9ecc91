// SPDX-License-Identifier: Apache-2.0
//
// Jobs that run in steps, through the host's interface: they share steps, join and leave, pause,
// and fail alone.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/host/open_plugin.h"

namespace darkroom::host {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class StepsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    instance_.reset();
    ASSERT_TRUE(host_.Open(plugin_).ok()) << host_.status.ToString();
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
  // One whose report tells the sum of its steps.
  static HostJob Seeded(uint64_t token, int steps) {
    HostJob job = Job(token, steps);
    job.params =
        "{\"steps\":" + std::to_string(steps) + ",\"step_ms\":0,\"fail_at\":0,\"seed\":4711}";
    return job;
  }
  std::string Report(uint64_t token) {
    const JobResult result = events_.TakeResult(token);
    EXPECT_TRUE(result.status.ok()) << result.status.ToString();
    return result.outputs.empty() ? "" : std::string(AsText(result.outputs[0].bytes.bytes()));
  }
  void AwaitSteps() { ASSERT_TRUE(events_.AwaitProgress()); }

  std::string plugin_ = MOCK_STEPS_PLUGIN;
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

TEST_F(StepsTest, SavesWhereAJobIsAndGoesOnThere) {
  HostJob job = Seeded(1, 2000);
  job.save_every = std::chrono::milliseconds(1);
  instance_->Run(Batch(Seeded(2, 2000), std::move(job)));
  const std::string whole = Report(2);
  EXPECT_EQ(Report(1), whole) << "to save changes nothing";
  const auto state = events_.AwaitSaved(1);
  ASSERT_NE(state, nullptr);
  EXPECT_GT(state->step, 0U);
  EXPECT_LT(state->step, 2000U);

  HostJob resumed = Seeded(3, 2000);
  resumed.state = state;
  instance_->Run(Batch(std::move(resumed)));
  const JobResult result = events_.TakeResult(3);
  ASSERT_TRUE(result.status.ok()) << result.status.ToString();
  EXPECT_EQ(AsText(result.outputs.at(0).bytes.bytes()), whole);
  EXPECT_EQ(result.resumed_at, state->step);
  EXPECT_EQ(result.steps, 2000 - state->step);
}

TEST_F(StepsTest, SavesNothingUnlessItIsToldTo) {
  instance_->Run(Batch(Seeded(1, 2000)));
  Report(1);
  HostJob seldom = Seeded(2, 2000);
  seldom.save_every = std::chrono::hours(1);
  instance_->Run(Batch(std::move(seldom)));
  Report(2);
  EXPECT_EQ(events_.saves(), 0U);
}

TEST_F(StepsTest, WhatIsSavedOfOneThatGoesOnCountsAllItsSteps) {
  HostJob first = Seeded(1, 100'000);
  first.save_every = std::chrono::milliseconds(1);
  instance_->Run(Batch(std::move(first)));
  const auto earlier = events_.AwaitSaved(1, 3);
  ASSERT_NE(earlier, nullptr);
  HostJob second = Seeded(2, 100'000);
  second.state = earlier;
  second.save_every = std::chrono::milliseconds(1);
  instance_->Run(Batch(std::move(second)));
  const auto later = events_.AwaitSaved(2);
  ASSERT_NE(later, nullptr);
  EXPECT_GT(later->step, earlier->step);
  EXPECT_EQ(Report(1), Report(2));
}

TEST_F(StepsTest, AStateThatIsNoneOfTheJobsBeginsItAnew) {
  instance_->Run(Batch(Seeded(1, 20)));
  const std::string whole = Report(1);
  auto state = std::make_shared<SavedState>();
  state->step = 9;
  state->bytes = Buffer::Copy(AsBytes("nonsense"));
  HostJob job = Seeded(2, 20);
  job.state = state;
  instance_->Run(Batch(std::move(job)));
  const JobResult result = events_.TakeResult(2);
  ASSERT_TRUE(result.status.ok()) << result.status.ToString();
  EXPECT_EQ(AsText(result.outputs.at(0).bytes.bytes()), whole);
  EXPECT_EQ(result.resumed_at, 0U);
  EXPECT_EQ(result.steps, 20U);
  EXPECT_THAT(events_.logs(), Contains("job-2 begins anew, its state of step 9 is none of it: "
                                       "the state is not one of this job"));
}

// Takes each preview at once, so that nothing but time keeps others back.
struct QuickWatcher : Recorder {
  void OnPreview(uint64_t, Buffer) override {
    times.push_back(std::chrono::steady_clock::now());
    out = 0;
  }
  std::atomic<uint32_t> out{0};
  std::vector<std::chrono::steady_clock::time_point> times;  // the lane's, until it is idle
};

TEST_F(StepsTest, PreviewsAreApart) {
  QuickWatcher watcher;
  auto created = host_.plugin->Create({"model", "{}", {1, 0, 4}}, &watcher);
  ASSERT_TRUE(created.ok()) << created.status().ToString();
  (*created)->Load(kNoMemoryLimit);
  ASSERT_TRUE(watcher.TakeLoaded().ok());
  HostJob job = Job(1, 1);
  job.params = R"({"steps":350,"step_ms":1,"fail_at":0,"previews":1})";
  job.preview_out = &watcher.out;
  (*created)->Run(Batch(std::move(job)));
  EXPECT_TRUE(watcher.TakeResult(1).status.ok());
  EXPECT_GE(watcher.times.size(), 2U);
  for (size_t i = 1; i < watcher.times.size(); ++i) {
    EXPECT_GE(watcher.times[i] - watcher.times[i - 1], kPreviewGap / 2) << i;
  }
}

// What tests/bad-plugins/saves_badly.cc does wrong.
class SavesBadlyTest : public StepsTest {
 protected:
  SavesBadlyTest() { plugin_ = SAVES_BADLY_PLUGIN; }

  static HostJob Bad(uint64_t token, std::string_view how) {
    HostJob job;
    job.token = token;
    job.id = "job-" + std::to_string(token);
    job.params = "{}";
    job.inputs.push_back({"data", "", AsBytes(how)});
    job.save_every = std::chrono::milliseconds(1);
    return job;
  }
};

TEST_F(SavesBadlyTest, CostsTheJobNothingButItsState) {
  const std::pair<const char*, const char*> members[] = {
      {"bad fails", "no pen"},
      {"bad throws", "the plugin let an exception out of infer: broke in save"},
      {"bad endless", "the plugin's has more than 64 MiB"},
  };
  uint64_t token = 0;
  for (const auto& [how, words] : members) {
    SetUp();  // each is told of once by an instance
    instance_->Run(Batch(Bad(++token, how)));
    EXPECT_EQ(Report(token), how);
    instance_->Run(Batch(Bad(++token, how)));
    EXPECT_EQ(Report(token), how);
    const auto logs = events_.logs();
    const std::string line =
        "job-" + std::to_string(token - 1) + " goes on without a state: " + words;
    EXPECT_THAT(logs, Contains(line));
    EXPECT_EQ(std::count_if(
                  logs.begin(), logs.end(),
                  [](const auto& log) { return log.find("goes on without") != std::string::npos; }),
              static_cast<int64_t>(token / 2));
  }
  EXPECT_EQ(events_.saves(), 0U);
}

TEST_F(SavesBadlyTest, AnErrorOfRestoreIsTheJobs) {
  auto state = std::make_shared<SavedState>();
  state->bytes = Buffer::Copy(AsBytes("good"));
  HostJob job = Bad(1, "bad restores");
  job.state = state;
  instance_->Run(Batch(std::move(job)));
  const JobResult result = events_.TakeResult(1);
  EXPECT_EQ(result.status.code(), Code::kInternal);
  EXPECT_EQ(result.status.message(), "no glasses");
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
