// SPDX-License-Identifier: Apache-2.0
//
// What a lane tells a slot that runs jobs in steps: to take more in, to pause, to go on.

#include <gmock/gmock.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/worker/lane_fixture.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LaneStepsTest : public LaneFixture {
 protected:
  LaneStepsTest() : LaneFixture({"sim:0", DeviceKind::kCpu, 0, 1, 100}) {}
  ~LaneStepsTest() override { lane_.reset(); }

  void Serve() {
    steps_ = AddServing(diffusion_, "p");
    clip_one_ = AddServing(clip_, "q");
  }
  static std::vector<std::string> Told(Generation& generation) {
    return std::exchange(generation.instance().told, {});
  }
  Job* Bulk() { return Enqueue(diffusion_, std::chrono::hours(1), JobClass::kBulk); }
  void Paused() {
    steps_->events().OnPaused();
    Settle(io_);
  }

  std::shared_ptr<Model> diffusion_ = MakeModel("diffusion", 3, true);
  std::shared_ptr<Model> clip_ = MakeModel("clip", 2);
  std::unique_ptr<Generation> steps_;
  std::unique_ptr<Generation> clip_one_;
};

TEST_F(LaneStepsTest, JobsJoinThoseThatRunWhileThereIsRoom) {
  Serve();
  Bulk();
  Settle(io_);
  EXPECT_THAT(Told(*steps_), ElementsAre("run 1"));
  Bulk();
  Bulk();
  Bulk();
  Settle(io_);
  EXPECT_THAT(Told(*steps_), ElementsAre("run 2 3"));  // three make steps together at most
  FinishBatch(*steps_, {1});
  EXPECT_THAT(Told(*steps_), ElementsAre("run 4"));
  EXPECT_TRUE(lane_->running());
}

TEST_F(LaneStepsTest, AMoreUrgentJobGoesBetweenTwoSteps) {
  Serve();
  Bulk();
  Settle(io_);
  Told(*steps_);
  Enqueue(clip_);
  Settle(io_);
  EXPECT_THAT(Told(*steps_), ElementsAre("pause"));
  EXPECT_THAT(Told(*clip_one_), IsEmpty());  // the step is still being made
  Paused();
  EXPECT_THAT(Told(*clip_one_), ElementsAre("run 2"));
  EXPECT_THAT(Told(*steps_), IsEmpty());
  FinishBatch(*clip_one_, {2});
  EXPECT_THAT(Told(*steps_), ElementsAre("resume"));
}

TEST_F(LaneStepsTest, WhatEndsBeforeItIsPausedGoesOn) {
  Serve();
  Bulk();
  Settle(io_);
  Enqueue(clip_);
  Settle(io_);
  FinishBatch(*steps_, {1});
  Told(*steps_);
  Paused();
  EXPECT_THAT(Told(*steps_), ElementsAre("resume"));  // for the next that come
  EXPECT_THAT(Told(*clip_one_), ElementsAre("run 2"));
}

TEST_F(LaneStepsTest, WhatIsCancelledWhileItIsPausedLeavesNothingPaused) {
  Serve();
  Bulk();
  Settle(io_);
  Enqueue(clip_);
  Settle(io_);
  Paused();
  Told(*steps_);
  FinishBatch(*steps_, {1}, {Code::kCancelled, "cancelled while it ran"});
  EXPECT_THAT(Told(*steps_), ElementsAre("resume"));
}

TEST_F(LaneStepsTest, AWorkerThatIsLostWhileItPausesHoldsNobodyUp) {
  Serve();
  Bulk();
  Settle(io_);
  Enqueue(clip_);
  Settle(io_);
  steps_->host.Lose({Code::kInstanceLost, "crashed"}, {1});
  Settle(io_);
  EXPECT_THAT(Told(*clip_one_), ElementsAre("run 2"));
}

// A job that has a state when it is run, from another attempt.
class LaneStatesTest : public LaneStepsTest {
 protected:
  const host::HostJob& RunFrom(const std::string& plugin, const std::string& weights) {
    Serve();
    job_ = Bulk();
    job_->save_every = std::chrono::milliseconds(70);
    SavedState state;
    state.step = 7;
    state.plugin = plugin;
    state.weights = weights;
    EXPECT_TRUE(jobs_.KeepState(job_, std::move(state), 1000));
    Settle(io_);
    return steps_->instance().ran.back().back();
  }
  auto Logged(const std::string& words) { return testing::Contains(testing::HasSubstr(words)); }

  Job* job_ = nullptr;
};

TEST_F(LaneStatesTest, IsToldOfByTheSlotWithWhatMadeIt) {
  diffusion_->weights_digest = "ab";
  Serve();
  Bulk();
  Settle(io_);
  SavedState state;
  state.step = 12;
  steps_->events().OnSaved(1, std::move(state));
  Settle(io_);
  EXPECT_THAT(TakeHeard(), ElementsAre("saved 1 at 12 by  "));
  EXPECT_EQ(jobs_.Find(1)->saved->weights, "ab");
}

TEST_F(LaneStatesTest, GoesOnThere) {
  const host::HostJob& ran = RunFrom(" ", "");
  ASSERT_NE(ran.state, nullptr);
  EXPECT_EQ(ran.state->step, 7U);
  EXPECT_EQ(ran.save_every, std::chrono::milliseconds(70));
  EXPECT_EQ(job_->went_on_from, ran.state);
  EXPECT_THAT(log_.lines(), Logged("job-1 diffusion: goes on from step 7"));
}

TEST_F(LaneStatesTest, OfAnotherPluginBeginsAnew) {
  EXPECT_EQ(RunFrom("p 1.0.0", "").state, nullptr);
  EXPECT_EQ(job_->saved, nullptr);
  EXPECT_EQ(job_->went_on_from, nullptr);
  EXPECT_THAT(log_.lines(), Logged("job-1 diffusion: begins anew, its state of step 7 is none of "
                                   "it: p 1.0.0 made it, and this is  "));
}

TEST_F(LaneStatesTest, OfOtherWeightsBeginsAnew) {
  diffusion_->weights_digest = "cd";
  EXPECT_EQ(RunFrom(" ", "ab").state, nullptr);
  EXPECT_THAT(log_.lines(), Logged("it was made with other weights"));
}

TEST_F(LaneStatesTest, OfWeightsThatAreNotKnownYetIsThePluginsToJudge) {
  EXPECT_NE(RunFrom(" ", "ab").state, nullptr);
}

TEST_F(LaneStepsTest, WhatWasTakenOverFromLetsNobodyJoin) {
  Serve();
  Bulk();
  Settle(io_);
  auto next = AddServing(diffusion_, "p2");
  Told(*steps_);
  Bulk();
  Settle(io_);
  EXPECT_THAT(Told(*steps_), IsEmpty());
  FinishBatch(*steps_, {1});
  EXPECT_THAT(Told(*next), ElementsAre("run 2"));
  lane_.reset();
}

}  // namespace
}  // namespace darkroom
