// SPDX-License-Identifier: Apache-2.0
//
// Plugins in real workers: opened, closed, lost.

#include "worker/worker_host.h"

#include <gmock/gmock.h>

#include "tests/worker/worker_fixture.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class WorkerHostTest : public WorkerFixture {
 protected:
  CloseOutcome Close(HostedPlugin& plugin) {
    std::optional<CloseOutcome> outcome;
    plugin.Close([&](CloseOutcome told) { outcome = told; });
    EXPECT_FALSE(outcome);
    EXPECT_TRUE(RunUntil(io_, [&] { return outcome.has_value(); }));
    return outcome.value_or(CloseOutcome{true});
  }
};

TEST_F(WorkerHostTest, OpensServesAndCloses) {
  const auto opening = OpenSound(ECHO_PLUGIN);
  const pid_t pid = opening->plugin->pid();
  EXPECT_NE(pid, getpid());
  Served served = CreateLoaded(*opening->plugin);
  served.instance->Run(Batch(MakeJob(1, "hello")));
  host::JobResult result = Take(served, 1);
  ASSERT_TRUE(result.status.ok()) << result.status.ToString();
  ASSERT_EQ(result.outputs.size(), 1U);
  EXPECT_EQ(AsText(result.outputs[0].bytes.bytes()), "hello");
  served.instance->Unload();
  EXPECT_TRUE(RunUntil(io_, [&] { return served.heard->unloaded == 1; }));
  served.instance.reset();
  EXPECT_FALSE(Close(*opening->plugin).resident);
  opening->plugin.reset();
  EXPECT_TRUE(IsGone(pid));
  EXPECT_FALSE(opening->lost);
  EXPECT_FALSE(served.heard->lost);
}

TEST_F(WorkerHostTest, SaysWhyAPluginCannotBeOpened) {
  const auto opening = Open({DARKROOM_HOST_LIBRARY, FileOf(ECHO_PLUGIN).manifest});
  ASSERT_TRUE(opening->status);
  EXPECT_THAT(opening->status->ToString(), HasSubstr("darkroom_plugin_entry"));
  EXPECT_FALSE(opening->lost);
  // And goes on.
  OpenSound(ECHO_PLUGIN);
}

TEST_F(WorkerHostTest, ReadsOnlyWhatItIsAllowedTo) {
  std::filesystem::copy(ECHO_PLUGIN, folder_ / "echo.so");
  const auto opening = Open({folder_ / "echo.so", FileOf(ECHO_PLUGIN).manifest});
  ASSERT_TRUE(opening->status);
  if (opening->status->ok()) {
    for (const std::string& line : log_.lines()) {
      if (line.find("Landlock is not available") != std::string::npos) GTEST_SKIP() << line;
    }
  }
  EXPECT_FALSE(opening->status->ok());
}

TEST_F(WorkerHostTest, SharesItsWorkerAmongPlugins) {
  const auto echo = OpenSound(ECHO_PLUGIN);
  const auto mock = OpenSound(MOCK_PLUGIN);
  EXPECT_EQ(echo->plugin->pid(), mock->plugin->pid());
  EXPECT_FALSE(Close(*echo->plugin).resident);
  echo->plugin.reset();
  Served served = CreateLoaded(*mock->plugin);
  served.instance->Run(Batch(MakeJob(1, "", R"({"output_bytes":3})")));
  EXPECT_EQ(Take(served, 1).outputs.at(0).bytes.size(), 3U);
}

TEST_F(WorkerHostTest, ALossIsToldOnceAndToInstancesFirst) {
  const auto echo = OpenSound(ECHO_PLUGIN);
  const auto mock = OpenSound(MOCK_PLUGIN);
  const Served one = CreateLoaded(*echo->plugin);
  const Served other = CreateLoaded(*mock->plugin);
  kill(echo->plugin->pid(), SIGKILL);
  EXPECT_TRUE(RunUntil(io_, [&] { return echo->lost && mock->lost; }));
  EXPECT_THAT(order_, ElementsAre("instance", "instance", "plugin", "plugin"));
  for (const Status& why : {*one.heard->lost, *other.heard->lost, *echo->lost, *mock->lost}) {
    EXPECT_EQ(why.code(), Code::kInstanceLost);
    EXPECT_THAT(why.message(), StartsWith("its worker was killed by SIGKILL"));
  }
  Settle(io_);
}

TEST_F(WorkerHostTest, StartsAnotherWorkerWhenOneIsLost) {
  const auto first = OpenSound(ECHO_PLUGIN);
  const pid_t pid = first->plugin->pid();
  kill(pid, SIGABRT);
  EXPECT_TRUE(RunUntil(io_, [&] { return first->lost.has_value(); }));
  EXPECT_TRUE(IsGone(pid));
  const auto second = OpenSound(ECHO_PLUGIN);
  EXPECT_NE(second->plugin->pid(), pid);
  CreateLoaded(*second->plugin);
}

TEST_F(WorkerHostTest, OpensNothingInAWorkerThatIsBeingEnded) {
  const auto first = OpenSound(ECHO_PLUGIN);
  const pid_t pid = first->plugin->pid();
  first->plugin->Kill(Status::Internal("it did not stop"));
  const auto second = OpenSound(MOCK_PLUGIN);
  EXPECT_NE(second->plugin->pid(), pid);
  EXPECT_TRUE(RunUntil(io_, [&] { return first->lost.has_value(); }));
  EXPECT_FALSE(second->lost);
}

TEST_F(WorkerHostTest, KillingAPluginIsALossWithThoseWords) {
  const auto opening = OpenSound(ECHO_PLUGIN);
  const Served served = CreateLoaded(*opening->plugin);
  EXPECT_TRUE(opening->plugin->Kill({Code::kDeadlineExceeded, "it did not stop"}));
  EXPECT_FALSE(opening->lost);
  EXPECT_TRUE(RunUntil(io_, [&] { return opening->lost.has_value(); }));
  EXPECT_EQ(opening->lost->ToString(), "deadline_exceeded: it did not stop");
  EXPECT_EQ(served.heard->lost->ToString(), "deadline_exceeded: it did not stop");
}

TEST_F(WorkerHostTest, AWorkerThatStandsStillIsEnded) {
  set_up_.silence = std::chrono::seconds(2);  // its own start is to be well within it
  const auto opening = OpenSound(ECHO_PLUGIN);
  kill(opening->plugin->pid(), SIGSTOP);
  EXPECT_TRUE(RunUntil(io_, [&] { return opening->lost.has_value(); }));
  EXPECT_THAT(opening->lost->message(), HasSubstr("did not answer"));
}

TEST_F(WorkerHostTest, IsLostWhileItCloses) {
  const auto opening = OpenSound(ECHO_PLUGIN);
  kill(opening->plugin->pid(), SIGSTOP);  // so that it cannot answer
  std::optional<CloseOutcome> outcome;
  opening->plugin->Close([&](CloseOutcome told) { outcome = told; });
  kill(opening->plugin->pid(), SIGKILL);
  EXPECT_TRUE(RunUntil(io_, [&] { return outcome.has_value(); }));
  EXPECT_FALSE(outcome->resident);  // its code went with the process
  Settle(io_);
  EXPECT_FALSE(opening->lost);
}

TEST_F(WorkerHostTest, SaysThatTheProgramIsMissing) {
  set_up_.program = folder_ / "none";
  const auto opening = BeginToOpen(FileOf(ECHO_PLUGIN));
  EXPECT_FALSE(opening->status);  // never from inside the call
  EXPECT_TRUE(RunUntil(io_, [&] { return opening->status.has_value(); }));
  EXPECT_EQ(opening->status->code(), Code::kFailedPrecondition);
  EXPECT_THAT(opening->status->message(), HasSubstr(set_up_.program));
  EXPECT_THAT(opening->status->hint(), Not(IsEmpty()));
}

TEST_F(WorkerHostTest, SaysThatTheProgramEndsAtOnce) {
  set_up_.program = "/bin/false";
  const auto opening = Open(FileOf(ECHO_PLUGIN));
  ASSERT_TRUE(opening->status);
  EXPECT_THAT(opening->status->message(), HasSubstr("its worker exited with code 1"));
  EXPECT_FALSE(opening->lost);
}

TEST_F(WorkerHostTest, SaysThatTheProgramIsNoWorker) {
  set_up_.program = Script("echo garbage >&3; exec sleep 1000");
  const auto opening = Open(FileOf(ECHO_PLUGIN));
  ASSERT_TRUE(opening->status);
  EXPECT_THAT(opening->status->message(), HasSubstr("its worker sent what no worker sends"));
}

TEST_F(WorkerHostTest, IsDestroyedWhileItOpens) {
  set_up_.program = Script("exec sleep 1000");
  const auto opening = BeginToOpen(FileOf(ECHO_PLUGIN));
  host_.reset();
  io_.restart();
  io_.run();  // the process has been ended and reaped, or this would not return
  EXPECT_FALSE(opening->status);
  EXPECT_FALSE(opening->lost);
}

TEST_F(WorkerHostTest, IsDestroyedBeforeItSaysThatTheProgramIsMissing) {
  set_up_.program = folder_ / "none";
  const auto opening = BeginToOpen(FileOf(ECHO_PLUGIN));
  host_.reset();
  Settle(io_);
  EXPECT_FALSE(opening->status);
}

}  // namespace
}  // namespace darkroom
