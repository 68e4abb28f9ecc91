// SPDX-License-Identifier: Apache-2.0
//
// What the scheduler decides while something runs in steps on a lane, or is paused there.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "scheduler/scheduler.h"
#include "tests/scheduler/waiting_jobs.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using std::chrono::milliseconds;

constexpr double kStepMs = 60;

class SomeLane : public LaneClient {
 public:
  void Wake() override {}
};

class StepRunsTest : public testing::Test {
 protected:
  StepRunsTest() {
    scheduler_.AddLane(&lane_);
    diffusion_->times.Add(1800, 1);
    diffusion_->times.AddSteps(1800, 30);
    clip_->times.Add(5, 1);
    scheduler_.Serve(&lane_, diffusion_.get());
    scheduler_.Serve(&lane_, clip_.get());
  }

  Job* Diffusion(JobClass job_class = JobClass::kBulk, const std::string& size = "1024") {
    return jobs_.Enqueue(diffusion_, "{\"size\":" + size + "}", job_class);
  }
  Job* Clip(JobClass job_class = JobClass::kInteractive) {
    return jobs_.Enqueue(clip_, "{}", job_class);
  }

  // A job of the diffusion model that was given out, and runs in steps with room for three more.
  Scheduler::StepRun Running(JobClass job_class = JobClass::kBulk, bool paused = false) {
    Job* const job = Diffusion(job_class);
    diffusion_->queue.Remove(job);
    return {diffusion_.get(), job_class, job, 3, paused};
  }

  Scheduler::Choice Next(const std::vector<Scheduler::StepRun>& runs,
                         const Model* batch = nullptr) {
    std::optional<Scheduler::Running> running;
    if (batch != nullptr) running = Scheduler::Running{batch, now_};
    return scheduler_.Next(&lane_, running, now_, runs);
  }

  WaitingJobs jobs_;
  std::shared_ptr<Model> diffusion_ = jobs_.MakeModel(4, {"size"}, true);
  std::shared_ptr<Model> clip_ = jobs_.MakeModel(8);
  Scheduler scheduler_;
  SomeLane lane_;
  Scheduler::Time now_{std::chrono::hours(1)};
};

TEST_F(StepRunsTest, AMoreUrgentJobOfAnotherModelPausesIt) {
  const Scheduler::StepRun run = Running();
  Job* urgent = Clip();
  const Scheduler::Choice choice = Next({run});
  EXPECT_TRUE(choice.pause);
  EXPECT_THAT(choice.batch, IsEmpty());
  EXPECT_THAT(Next({Running(JobClass::kBulk, true)}).batch, ElementsAre(urgent));
}

TEST_F(StepRunsTest, AJobOfItsOwnClassDoesNot) {
  const Scheduler::StepRun run = Running();
  Clip(JobClass::kBulk);
  const Scheduler::Choice choice = Next({run});
  EXPECT_FALSE(choice.pause);
  EXPECT_THAT(choice.batch, IsEmpty());
}

TEST_F(StepRunsTest, ItGoesOnWhenNothingMoreUrgentWaits) {
  const Scheduler::Choice choice = Next({Running(JobClass::kBulk, true)});
  EXPECT_EQ(choice.resume, 0U);
  EXPECT_THAT(choice.batch, IsEmpty());
}

TEST_F(StepRunsTest, ItWaitsForABatchToEnd) {
  const Scheduler::StepRun run = Running(JobClass::kBulk, true);
  const Scheduler::Choice choice = Next({run}, clip_.get());
  EXPECT_FALSE(choice.resume);
  EXPECT_FALSE(choice.pause);
}

TEST_F(StepRunsTest, OthersOfItsModelJoinUntilItIsFull) {
  const Scheduler::StepRun run = Running();
  Job* a = Diffusion();
  Job* b = Diffusion();
  Job* c = Diffusion();
  Job* d = Diffusion();
  EXPECT_THAT(Next({run}).batch, ElementsAre(a, b, c));
  Scheduler::StepRun full = run;
  full.room = 0;
  EXPECT_THAT(Next({full}).batch, IsEmpty());
  EXPECT_THAT(Next({run}).batch, ElementsAre(d));
}

TEST_F(StepRunsTest, WhoDoesNotShareTheBatchKeyWaitsAndIsNotPassedBy) {
  const Scheduler::StepRun run = Running();
  Diffusion(JobClass::kBulk, "512");
  Diffusion();
  EXPECT_THAT(Next({run}).batch, IsEmpty());
}

TEST_F(StepRunsTest, AMoreUrgentJobOfItsModelJoinsWithoutAPause) {
  const Scheduler::StepRun run = Running();
  Job* urgent = Diffusion(JobClass::kInteractive);
  const Scheduler::Choice choice = Next({run});
  EXPECT_FALSE(choice.pause);
  EXPECT_THAT(choice.batch, ElementsAre(urgent));
}

TEST_F(StepRunsTest, AMoreUrgentJobOfItsModelHasItGoOn) {
  Job* urgent = Diffusion(JobClass::kInteractive);
  const Scheduler::Choice choice = Next({Running(JobClass::kBulk, true)});
  EXPECT_EQ(choice.resume, 0U);
  EXPECT_THAT(choice.batch, ElementsAre(urgent));
}

TEST_F(StepRunsTest, OneThatWasRetriedRunsAlone) {
  const Scheduler::StepRun run = Running();
  Diffusion()->attempts = 1;
  EXPECT_THAT(Next({run}).batch, IsEmpty());
}

// However much that is more urgent comes, what is paused makes a step now and then: a twentieth of
// the lane's time is its own.
TEST_F(StepRunsTest, WhatIsPausedIsNotStarved) {
  std::vector<Scheduler::StepRun> runs = {Running(JobClass::kBulk, true)};
  double urgent_ms = 0;
  double bulk_ms = 0;
  for (int turn = 0; turn < 10'000; ++turn) {
    while (clip_->queue.size() < 8) Clip();
    const Scheduler::Choice choice = Next(runs);
    if (choice.pause) {
      runs[0].paused = true;
    } else if (choice.resume) {
      runs[0].paused = false;
      bulk_ms += kStepMs;
      now_ += milliseconds(60);
    } else {
      ASSERT_FALSE(choice.batch.empty());
      urgent_ms += 5;
      now_ += milliseconds(5);
    }
  }
  const double part = bulk_ms / (bulk_ms + urgent_ms);
  EXPECT_GT(part, 0.04);
  EXPECT_LT(part, 0.08);
}

// And what runs in steps, with others joining it for good, does not starve a class below it.
TEST_F(StepRunsTest, WhatNeverEndsDoesNotStarveOthers) {
  std::vector<Scheduler::StepRun> runs = {Running(JobClass::kInteractive)};
  Job* waits = Clip(JobClass::kBulk);
  clip_->times = {};
  clip_->times.Add(50, 1);
  const auto begun = now_;
  for (int turn = 0; turn < 1000 && !clip_->queue.empty(); ++turn) {
    while (diffusion_->queue.size() < 2) Diffusion(JobClass::kInteractive);
    const Scheduler::Choice choice = Next(runs);
    if (choice.pause) runs[0].paused = true;
    if (choice.resume) runs[0].paused = false;
    if (!choice.batch.empty() && choice.batch[0] == waits) break;
    now_ += milliseconds(30);
  }
  EXPECT_TRUE(clip_->queue.empty());
  EXPECT_LE(now_ - begun, milliseconds(50 * 20 + 200));  // its own time divided by the floor
}

}  // namespace
}  // namespace darkroom
