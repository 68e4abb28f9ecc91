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
