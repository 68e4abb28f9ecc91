// SPDX-License-Identifier: Apache-2.0
//
// The life of an instance through the host's interface: create, load, run, unload, destroy, and the
// jobs' good and bad ends that are no plugin's fault.

#include "host/instance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/host/open_plugin.h"

namespace darkroom::host {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class InstanceTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(host_.Open(ROGUE_PLUGIN).ok()) << host_.status.ToString(); }

  std::unique_ptr<Instance> Create(const std::string& rule = "none", LaneSpec lane = {1, 0, 4}) {
    Result<std::unique_ptr<Instance>> created =
        host_.plugin->Create({"model", "{\"rule\":\"" + rule + "\"}", lane}, &events_);
    status_ = created.status();
    return created.ok() ? *std::move(created) : nullptr;
  }

  std::unique_ptr<Instance> Loaded() {
    std::unique_ptr<Instance> instance = Create();
    EXPECT_TRUE(status_.ok()) << status_.ToString();
    instance->Load(kNoMemoryLimit);
    EXPECT_TRUE(events_.TakeLoaded().ok());
    return instance;
  }

  Recorder events_;
  OpenHost host_;
  Status status_;
};

TEST_F(InstanceTest, RunsJobsAndGivesEverythingBack) {
  {
    const std::unique_ptr<Instance> instance = Loaded();
    instance->Run(Batch(MakeJob(1, "none", "first"), MakeJob(2, "none", "")));
    const JobResult first = events_.TakeResult(1);
    ASSERT_TRUE(first.status.ok()) << first.status.ToString();
    ASSERT_EQ(first.outputs.size(), 1U);
    EXPECT_EQ(first.outputs[0].name, "data");
    EXPECT_EQ(first.outputs[0].kind, OutputKind::kBytes);
    EXPECT_EQ(first.outputs[0].content_type, "application/octet-stream");
    EXPECT_EQ(AsText(first.outputs[0].bytes.bytes()), "first");
    EXPECT_EQ(first.batch_size, 2U);
    EXPECT_GT(first.infer_ms, 0);
    const JobResult second = events_.TakeResult(2);
    ASSERT_TRUE(second.status.ok()) << second.status.ToString();
    EXPECT_TRUE(second.outputs.at(0).bytes.empty());
    EXPECT_TRUE(events_.AwaitBatches(1));
    instance->Unload();
    EXPECT_TRUE(events_.AwaitUnloaded());
  }
  EXPECT_THAT(events_.logs(), ElementsAre("unloaded", "destroyed"));
  EXPECT_THAT(host_.log->lines(), IsEmpty());
  host_.plugin.reset();
  EXPECT_THAT(host_.log->lines(), ElementsAre("shut down"));
}

TEST_F(InstanceTest, DestroyingALoadedInstanceFinishesItsJobsAndUnloadsIt) {
  std::unique_ptr<Instance> instance = Loaded();
  for (uint64_t token = 1; token <= 100; ++token) instance->Run(Batch(MakeJob(token, "none")));
  instance.reset();
  const std::vector<uint64_t> order = events_.order();
  EXPECT_EQ(order.size(), 100U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_THAT(events_.logs(), ElementsAre("unloaded", "destroyed"));
}

TEST_F(InstanceTest, LoadsAgainAfterItWasUnloaded) {
  const std::unique_ptr<Instance> instance = Loaded();
  instance->Unload();
  EXPECT_TRUE(events_.AwaitUnloaded());
  instance->Run(Batch(MakeJob(1, "none")));
  const Status refused = events_.TakeResult(1).status;
  EXPECT_EQ(refused.code(), Code::kFailedPrecondition);
  EXPECT_EQ(refused.message(), "the model model is not loaded");
  EXPECT_TRUE(events_.AwaitBatches(1));
  instance->Load(kNoMemoryLimit);
  EXPECT_TRUE(events_.TakeLoaded().ok());
  instance->Run(Batch(MakeJob(2, "none")));
  EXPECT_TRUE(events_.TakeResult(2).status.ok());
}

TEST_F(InstanceTest, TellsWhyCreateFailed) {
  EXPECT_EQ(Create("create_fails"), nullptr);
  EXPECT_EQ(status_.code(), Code::kInvalidArgument);
  EXPECT_EQ(status_.message(), "no such option");
  EXPECT_EQ(Create("create_throws"), nullptr);
  EXPECT_EQ(status_.code(), Code::kInternal);
  EXPECT_THAT(status_.message(), HasSubstr("let an exception out of create: broke in create"));
  EXPECT_EQ(Create("create_gives_nothing"), nullptr);
  EXPECT_EQ(status_.code(), Code::kInternal);
}

TEST_F(InstanceTest, TellsWhyLoadFailedAndUnloads) {
  const std::unique_ptr<Instance> instance = Create("load_fails");
  instance->Load(kNoMemoryLimit);
  const Status status = events_.TakeLoaded();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_EQ(status.message(), "no weights at /nowhere");
  EXPECT_THAT(events_.logs(), ElementsAre("unloaded"));
  instance->Run(Batch(MakeJob(1, "none")));
  EXPECT_EQ(events_.TakeResult(1).status.code(), Code::kFailedPrecondition);
}

TEST_F(InstanceTest, KnowsWhetherItsDeviceIsSimulated) {
  EXPECT_EQ(Create("create_tells_device"), nullptr);
  EXPECT_EQ(status_.message(), "a real one");
  EXPECT_EQ(Create("create_tells_device", {1, 0, 1, 2, 4.5}), nullptr);
  EXPECT_EQ(status_.message(), "sim:2 at 4.500000");
}

TEST_F(InstanceTest, RefusesDevicesThatThePluginDoesNotRunOn) {
  EXPECT_EQ(Create("none", {2, 0, 1}), nullptr);
  EXPECT_EQ(status_.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status_.message(), "the plugin rogue does not run on cuda");
  EXPECT_EQ(Create("none", {9, 0, 1}), nullptr);
  EXPECT_EQ(status_.code(), Code::kUnimplemented);
}

TEST_F(InstanceTest, DoesNotRunJobsThatAreLateOrCancelled) {
  const std::unique_ptr<Instance> instance = Loaded();
  HostJob late = MakeJob(1, "none");
  late.deadline_ns = 1;
  HostJob cancelled = MakeJob(2, "none");
  const std::atomic<int32_t> flag{1};
  cancelled.cancel = &flag;
  instance->Run(Batch(std::move(late), std::move(cancelled), MakeJob(3, "none")));
  EXPECT_EQ(events_.TakeResult(1).status.code(), Code::kDeadlineExceeded);
  EXPECT_EQ(events_.TakeResult(2).status.code(), Code::kCancelled);
  EXPECT_TRUE(events_.TakeResult(3).status.ok());
}

TEST_F(InstanceTest, LetsAPluginSeeThatAJobIsCancelled) {
  const std::unique_ptr<Instance> instance = Loaded();
  HostJob job = MakeJob(1, "waits_for_cancel");
  std::atomic<int32_t> flag{0};
  job.cancel = &flag;
  instance->Run(Batch(std::move(job)));
  ASSERT_TRUE(events_.AwaitProgress());
  flag = 1;
  const JobResult result = events_.TakeResult(1);
  EXPECT_EQ(result.status.code(), Code::kCancelled);
  EXPECT_EQ(result.status.message(), "cancelled");
  const auto steps = events_.progress();
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(steps[0].token, 1U);
  EXPECT_EQ(steps[0].fraction, 0.25);
  EXPECT_EQ(steps[0].stage, "waiting");
  EXPECT_THAT(events_.logs(), IsEmpty());
}

TEST_F(InstanceTest, GivesPreviewsToWhoeverWatchesOneAtATime) {
  const std::unique_ptr<Instance> instance = Loaded();
  std::atomic<uint32_t> out{0};
  const auto run = [&](uint64_t token, std::atomic<uint32_t>* of_watcher) {
    HostJob job = MakeJob(token, "preview");
    job.preview_out = of_watcher;
    instance->Run(Batch(std::move(job)));
    const Status status = events_.TakeResult(token).status;
    EXPECT_TRUE(status.ok()) << status.ToString();
    return events_.TakePreviews();
  };
  EXPECT_THAT(run(1, nullptr), IsEmpty());
  const auto shown = run(2, &out);
  ASSERT_EQ(shown.size(), 1U);
  EXPECT_EQ(shown[0].first, 2U);
  EXPECT_EQ(AsText(shown[0].second.bytes()).substr(0, 2), "\xff\xd8");  // JPEG's beginning
  EXPECT_EQ(out, 1U);
  EXPECT_THAT(run(3, &out), IsEmpty());  // it has not been taken
  EXPECT_THAT(events_.logs(), ElementsAre("no preview was wanted", "a preview was wanted",
                                          "no preview was wanted"));
}

TEST_F(InstanceTest, LetsAPluginSeeThatADeadlineHasPassed) {
  const std::unique_ptr<Instance> instance = Loaded();
  HostJob job = MakeJob(1, "waits_for_cancel");
  job.deadline_ns = NowNs() + 50'000'000;
  instance->Run(Batch(std::move(job)));
  // Late before it ran, if this machine was slow; else the plugin saw it and stopped.
  EXPECT_THAT(events_.TakeResult(1).status.code(),
              ::testing::AnyOf(Code::kCancelled, Code::kDeadlineExceeded));
}

TEST_F(InstanceTest, BadInputEndsOnlyItsJob) {
  const std::unique_ptr<Instance> instance = Loaded();
  HostJob missing = MakeJob(1, "none");
  missing.inputs.clear();
  HostJob unknown = MakeJob(2, "none");
  unknown.inputs.push_back({"picture", "", AsBytes("x")});
  HostJob twice = MakeJob(3, "none");
  twice.inputs.push_back(twice.inputs[0]);
  instance->Run(
      Batch(std::move(missing), std::move(unknown), std::move(twice), MakeJob(4, "none")));
  EXPECT_EQ(events_.TakeResult(1).status.message(), "the input \"data\" is missing");
  EXPECT_EQ(events_.TakeResult(2).status.message(), "this model has no input \"picture\"");
  EXPECT_EQ(events_.TakeResult(3).status.message(), "an input is given twice");
  EXPECT_TRUE(events_.TakeResult(4).status.ok());
}

TEST_F(InstanceTest, ABatchThatFailsAsAWholeIsTriedJobByJob) {
  const std::unique_ptr<Instance> instance = Loaded();
  instance->Run(Batch(MakeJob(1, "first_of_spoilt", "one"), MakeJob(2, "none", "two"),
                      MakeJob(3, "spoils_batch"), MakeJob(4, "none", "four")));
  for (const auto& [token, text] : {std::pair(1U, "one"), {2U, "two"}, {4U, "four"}}) {
    const JobResult result = events_.TakeResult(token);
    ASSERT_TRUE(result.status.ok()) << result.status.ToString();
    EXPECT_EQ(AsText(result.outputs.at(0).bytes.bytes()), text);
    EXPECT_EQ(result.batch_size, 1U);
  }
  const Status bad = events_.TakeResult(3).status;
  EXPECT_EQ(bad.code(), Code::kResourceExhausted);
  EXPECT_EQ(bad.message(), "no memory for this one");
  EXPECT_TRUE(events_.AwaitBatches(1));
  EXPECT_THAT(events_.logs(), IsEmpty());
}

TEST_F(InstanceTest, ABatchThatLostItsDeviceIsNotTriedAgain) {
  const std::unique_ptr<Instance> instance = Loaded();
  instance->Run(Batch(MakeJob(1, "none"), MakeJob(2, "loses_batch")));
  EXPECT_EQ(events_.TakeResult(1).status.code(), Code::kDeviceLost);
  EXPECT_EQ(events_.TakeResult(2).status.code(), Code::kDeviceLost);
}

TEST_F(InstanceTest, RefusesABatchThatIsTooLarge) {
  const std::unique_ptr<Instance> instance = Create("none", {1, 0, 1});
  instance->Load(kNoMemoryLimit);
  ASSERT_TRUE(events_.TakeLoaded().ok());
  instance->Run(Batch(MakeJob(1, "none"), MakeJob(2, "none")));
  EXPECT_EQ(events_.TakeResult(1).status.code(), Code::kInternal);
  EXPECT_EQ(events_.TakeResult(2).status.code(), Code::kInternal);
  EXPECT_TRUE(events_.AwaitBatches(1));
}

TEST_F(InstanceTest, KeepsToItsMemoryBudgetAndTakesBackWhatIsLeft) {
  std::unique_ptr<Instance> instance = Create("over_budget", {1, 0, 1});
  instance->Load(500);
  EXPECT_EQ(events_.TakeReserve(), 1U);  // of the 501 that it wants
  instance->AnswerReserve(Status::ResourceExhausted("the device is full"));
  const Status refused = events_.TakeLoaded();
  EXPECT_EQ(refused.code(), Code::kResourceExhausted);
  EXPECT_EQ(refused.message(), "the device is full");
  instance->Load(500);
  EXPECT_EQ(events_.TakeReserve(), 1U);
  instance->AnswerReserve(Status::Ok());
  EXPECT_TRUE(events_.TakeLoaded().ok());
  instance = Create("leaks", {1, 0, 1});
  instance->Load(kNoMemoryLimit);
  ASSERT_TRUE(events_.TakeLoaded().ok());
  instance->Unload();
  ASSERT_TRUE(events_.AwaitUnloaded());
  EXPECT_THAT(events_.logs(),
              Contains("plugin misbehaved: rogue left 1 leases and 1 blocks of memory behind in "
                       "unload, 1024 bytes"));
  instance = Create("alloc_cuda");
  instance->Load(kNoMemoryLimit);
  EXPECT_EQ(events_.TakeLoaded().code(), Code::kUnimplemented);
}

TEST_F(InstanceTest, AdoptedBytesTravelOnAndAreGivenBackOnce) {
  std::unique_ptr<Instance> instance = Loaded();
  instance->Run(Batch(MakeJob(1, "adopts")));
  {
    const JobResult result = events_.TakeResult(1);
    ASSERT_TRUE(result.status.ok()) << result.status.ToString();
    EXPECT_EQ(AsText(result.outputs.at(0).bytes.bytes()), "axb");
    EXPECT_THAT(host_.log->lines(), IsEmpty());
  }
  EXPECT_THAT(host_.log->lines(), ElementsAre("deleted"));
  instance->Run(Batch(MakeJob(2, "adopts_strided"), MakeJob(3, "adopts_cuda"),
                      MakeJob(4, "adopts_then_fails")));
  EXPECT_EQ(AsText(events_.TakeResult(2).outputs.at(0).bytes.bytes()), "abc");
  const Status cuda = events_.TakeResult(3).status;
  EXPECT_EQ(cuda.code(), Code::kUnimplemented);
  EXPECT_THAT(cuda.message(), HasSubstr("copy it to the CPU first"));
  EXPECT_EQ(events_.TakeResult(4).status.message(), "changed its mind");
  instance.reset();
  EXPECT_THAT(host_.log->lines(), ElementsAre("deleted", "deleted", "deleted", "deleted"));
}

TEST_F(InstanceTest, AnAdoptedTensorKeepsThePluginOpenUntilItIsGivenBack) {
  std::unique_ptr<Instance> instance = Loaded();
  instance->Run(Batch(MakeJob(1, "adopts")));
  std::optional<JobResult> result = events_.TakeResult(1);
  ASSERT_TRUE(result->status.ok());
  instance.reset();
  host_.plugin.reset();
  host_.library.reset();
  EXPECT_EQ(AsText(result->outputs.at(0).bytes.bytes()), "axb");
  EXPECT_THAT(host_.log->lines(), IsEmpty());
  result.reset();
  EXPECT_THAT(host_.log->lines(), ElementsAre("deleted", "shut down"));
}

}  // namespace
}  // namespace darkroom::host
