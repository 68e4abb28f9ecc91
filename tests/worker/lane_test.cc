// SPDX-License-Identifier: Apache-2.0

#include "worker/lane.h"

#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "tests/worker/lane_fixture.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Two models whose jobs run in batches of two. Generations are destroyed behind the lane.
class LaneTest : public LaneFixture {
 protected:
  LaneTest() : LaneFixture({"cpu", DeviceKind::kCpu, 0, 1, 100}) {}
  ~LaneTest() override { lane_.reset(); }

  static std::vector<std::string> Told(Generation& generation) {
    return std::exchange(generation.instance().told, {});
  }
  // Loads what the generation was just told to load.
  void Load(Generation& generation) {
    generation.events().OnLoaded(Status::Ok(), 1);
    Settle(io_);
  }

  std::shared_ptr<Model> model_ = MakeModel("m", 2);
  std::shared_ptr<Model> other_ = MakeModel("n", 2);
  std::unique_ptr<Generation> one_;
  std::unique_ptr<Generation> two_;
};

TEST_F(LaneTest, GivesAJobAsTheHostIsToHaveIt) {
  one_ = AddServing(model_, "p");
  Job* const job = Enqueue(model_);
  job->params = std::make_shared<const std::string>(R"({"scale":4})");
  const std::string photo = "pixels";
  job->request.inputs.push_back({model_->info().inputs.data(), "image/png", AsBytes(photo)});
  job->request.form.image = ImageFormat::kWebp;
  job->request.form.quality = 55;
  Settle(io_);
  ASSERT_EQ(one_->instance().ran.size(), 1U);
  const host::HostJob& given = one_->instance().ran[0].at(0);
  EXPECT_EQ(given.token, job->token);
  EXPECT_EQ(given.id, job->id);
  EXPECT_EQ(given.params, R"({"scale":4})");
  ASSERT_EQ(given.inputs.size(), 1U);
  EXPECT_EQ(given.inputs[0].name, "data");
  EXPECT_EQ(given.inputs[0].content_type, "image/png");
  EXPECT_EQ(given.inputs[0].bytes.data(), AsBytes(photo).data());
  EXPECT_EQ(given.form.image, host::OutputForm::Image::kWebp);
  EXPECT_EQ(given.form.quality, 55);
  EXPECT_EQ(std::chrono::nanoseconds(given.deadline_ns), job->deadline.time_since_epoch());
  EXPECT_EQ(given.cancel, &job->cancel);
  EXPECT_EQ(job->state, JobState::kRunning);
  EXPECT_EQ(job->attempts, 1U);
}

TEST_F(LaneTest, ABurstIsOneBatch) {
  one_ = AddServing(model_, "p");
  EnqueueSome(model_, 2);
  EXPECT_THAT(Told(*one_), IsEmpty());  // behind the burst that is being read
  Settle(io_);
  EXPECT_THAT(Told(*one_), ElementsAre("run 1 2"));
}

TEST_F(LaneTest, NothingBeginsOnADeviceThatCannotBeUsed) {
  one_ = AddServing(model_, "p");
  EnqueueSome(model_, 2);
  Settle(io_);
  Health& health = pool_.HealthOf(device_);
  health.OnLost({Code::kDeviceLost, "it fell off the bus"}, Job::Clock::now());
  lane_->OnHealthChanged();
  Told(*one_);
  EnqueueSome(model_, 2);
  FinishBatch(*one_, {1, 2});
  EXPECT_THAT(TakeHeard(), ElementsAre("done 1 ok", "done 2 ok")) << "what runs there goes on";
  EXPECT_THAT(Told(*one_), IsEmpty());
  health.OnProbing();
  health.OnProbed(Status::Ok(), Job::Clock::now());
  lane_->OnHealthChanged();
  Settle(io_);
  EXPECT_THAT(Told(*one_), ElementsAre("run 3 4"));
}

TEST_F(LaneTest, TwoBatchesAreOut) {
  one_ = AddServing(model_, "p");
  EnqueueSome(model_, 7);
  Settle(io_);
  EXPECT_THAT(Told(*one_), ElementsAre("run 1 2", "run 3 4"));
  EXPECT_EQ(one_->slot->outstanding(), 2U);
  EXPECT_TRUE(lane_->running());
  one_->instance().Finish(1);
  one_->instance().Finish(2);
  Settle(io_);
  EXPECT_THAT(Told(*one_), IsEmpty());  // not before the whole batch has come back
  one_->events().OnBatchDone();
  EXPECT_THAT(Told(*one_), ElementsAre("run 5 6"));  // at once: the lane must not stand idle
  FinishBatch(*one_, {3, 4});
  EXPECT_THAT(Told(*one_), ElementsAre("run 7"));
  FinishBatch(*one_, {5, 6});
  FinishBatch(*one_, {7});
  EXPECT_FALSE(lane_->running());
  EXPECT_EQ(batches_done_, 4);
  EXPECT_EQ(jobs_.Count(JobState::kSucceeded), 7U);
}

TEST_F(LaneTest, RunsOneModelAtATime) {
  one_ = AddServing(model_, "p");
  two_ = AddServing(other_, "q");
  Enqueue(model_);
  Enqueue(other_);
  Enqueue(model_);
  Settle(io_);
  EXPECT_THAT(Told(*one_), ElementsAre("run 1 3"));
  EXPECT_THAT(Told(*two_), IsEmpty());
  FinishBatch(*one_, {1, 3});
  EXPECT_THAT(Told(*two_), ElementsAre("run 2"));
}

TEST_F(LaneTest, WhatMustNotRunAnyMoreIsDropped) {
  one_ = AddServing(model_, "p");
  Enqueue(model_)->cancel = 1;
  Enqueue(model_, std::chrono::seconds(0));
  Enqueue(model_);
  Settle(io_);
  EXPECT_THAT(TakeHeard(), ElementsAre("done 1 cancelled: cancelled while it waited",
                                       "done 2 deadline_exceeded: the deadline passed while the "
                                       "job waited (allow more time with Darkroom-Deadline)"));
  // A batch of which nothing is left is none.
  EXPECT_THAT(Told(*one_), ElementsAre("run 3"));
  EXPECT_EQ(one_->slot->outstanding(), 1U);
}

TEST_F(LaneTest, TheRestOfABatchRuns) {
  one_ = AddServing(model_, "p");
  Enqueue(model_);
  Enqueue(model_)->cancel = 1;
  Settle(io_);
  EXPECT_THAT(Told(*one_), ElementsAre("run 1"));
  EXPECT_THAT(TakeHeard(), ElementsAre("done 2 cancelled: cancelled while it waited"));
}

TEST_F(LaneTest, JobsWaitForASlotThatServes) {
  one_ = Add(model_, "p");
  EnqueueSome(model_, 1);
  one_->host.Succeed();
  one_->events().OnCreated(Status::Ok());
  Settle(io_);
  EXPECT_THAT(Told(*one_), IsEmpty());
  EXPECT_EQ(lane_->Find(model_.get()), nullptr);
  lane_->Serve(one_->slot);
  EXPECT_EQ(lane_->Find(model_.get()), one_->slot);
  Settle(io_);
  EXPECT_THAT(Told(*one_), ElementsAre("load"));
  Load(*one_);
  EXPECT_THAT(Told(*one_), ElementsAre("run 1"));
}

TEST_F(LaneTest, JobsWaitForASlotThatComesIntoBeing) {
  one_ = Add(model_, "p");
  lane_->Serve(one_->slot);
  EnqueueSome(model_, 1);
  Settle(io_);
  EXPECT_EQ(model_->queue.size(), 1U);
  one_->host.Succeed();
  one_->events().OnCreated(Status::Ok());
  Settle(io_);
  EXPECT_THAT(Told(*one_), ElementsAre("load"));
  Load(*one_);
  EXPECT_THAT(Told(*one_), ElementsAre("run 1"));
}

TEST_F(LaneTest, ASlotThatIsAsleepIsWokenByJobs) {
  model_->config.memory = 60;
  one_ = AddAsleep(model_, "p");
  EXPECT_THAT(one_->host.openings, IsEmpty());
  EnqueueSome(model_, 1);
  Settle(io_);
  ASSERT_EQ(one_->host.openings.size(), 1U);
  EXPECT_EQ(pool_.LedgerOf(device_).leased(), 60U);
  one_->host.Succeed();
  Settle(io_);
  EXPECT_EQ(lane_->LookAt(one_->slot).state, Residency::State::kLoading);
  one_->events().OnCreated(Status::Ok());
  EXPECT_THAT(Told(*one_), ElementsAre("load"));
  EXPECT_EQ(pool_.LedgerOf(device_).leased(), 60U);
  Load(*one_);
  EXPECT_THAT(Told(*one_), ElementsAre("run 1"));
}

TEST_F(LaneTest, ASlotThatCannotBeWokenHoldsNothing) {
  model_->config.memory = 60;
  one_ = AddAsleep(model_, "p");
  EnqueueSome(model_, 1);
  Settle(io_);
  one_->host.Succeed();
  one_->events().OnCreated(Status::InvalidArgument("no such option"));
  EXPECT_EQ(one_->slot->state(), SlotState::kRefused);
  EXPECT_EQ(pool_.LedgerOf(device_).leased(), 0U);
  EXPECT_EQ(lane_->LookAt(one_->slot).state, Residency::State::kAbsent);
}

TEST_F(LaneTest, ASlotWhoseWorkerDiesAsItWakesIsWokenAgain) {
  model_->config.memory = 60;
  one_ = AddAsleep(model_, "p");
  EnqueueSome(model_, 1);
  Settle(io_);
  one_->host.Fail(Status(Code::kInstanceLost, "killed"));
  EXPECT_EQ(pool_.LedgerOf(device_).leased(), 0U);
  Settle(io_);
  one_->host.Succeed();
  one_->events().OnCreated(Status::Ok());
  Settle(io_);
  EXPECT_THAT(Told(*one_), ElementsAre("load"));
  EXPECT_EQ(pool_.LedgerOf(device_).leased(), 60U);
}

TEST_F(LaneTest, ASlotThatHasNothingLoadedFallsAsleepAgain) {
  model_->config.keep_alive = std::chrono::milliseconds(1);
  one_ = AddAsleep(model_, "p");
  EnqueueSome(model_, 1);
  Settle(io_);
  one_->host.Succeed();
  one_->events().OnCreated(Status::Ok());
  Load(*one_);
  FinishBatch(*one_, {1});
  const auto unloads = [&] { return one_->instance().told.back() == "unload"; };
  ASSERT_TRUE(RunUntil(io_, unloads));
  one_->events().OnUnloaded();
  Settle(io_);
  EXPECT_TRUE(one_->instance().destroyed);
  std::exchange(one_->host.plugin().on_closed, nullptr)({});
  Settle(io_);
  EXPECT_EQ(one_->hosting.state(), HostingState::kAsleep);
  EXPECT_EQ(lane_->LookAt(one_->slot).state, Residency::State::kUnloaded);
  EnqueueSome(model_, 1);
  Settle(io_);
  EXPECT_EQ(one_->host.openings.size(), 2U);
}

TEST_F(LaneTest, ASlotWhoseRoomIsWantedFinishesFirst) {
  model_->config.memory = other_->config.memory = 60;
  model_->times.Add(10'000, 1);  // so long that no batch is at hand yet
  one_ = AddServing(model_, "p");
  two_ = AddUnloaded(other_, "q");
  Enqueue(model_);
  Settle(io_);
  EXPECT_THAT(Told(*one_), ElementsAre("run 1"));
  // Somebody waits for the other, and nobody for this one, which took 5 ms to load.
  std::this_thread::sleep_for(std::chrono::milliseconds(6));
  Enqueue(other_);
  Settle(io_);
  EXPECT_EQ(lane_->LookAt(two_->slot).state, Residency::State::kAwaiting);
  Job* const late = Enqueue(model_);
  Settle(io_);
  EXPECT_THAT(Told(*one_), IsEmpty());
  FinishBatch(*one_, {1});
  EXPECT_THAT(Told(*one_), ElementsAre("unload"));
  EXPECT_EQ(late->state, JobState::kQueued);
  EXPECT_THAT(Told(*two_), IsEmpty());
  one_->events().OnUnloaded();
  Settle(io_);
  EXPECT_THAT(Told(*two_), ElementsAre("load"));
  EXPECT_EQ(pool_.LedgerOf(device_).leased(), 60U);
}

TEST_F(LaneTest, StopsServing) {
  one_ = AddServing(model_, "p");
  EnqueueSome(model_, 4);
  Settle(io_);
  lane_->StopServing(one_->slot);
  EXPECT_EQ(lane_->Find(model_.get()), nullptr);
  EnqueueSome(model_, 2);
  FinishBatch(*one_, {1, 2});
  FinishBatch(*one_, {3, 4});
  EXPECT_THAT(Told(*one_), ElementsAre("run 1 2", "run 3 4"));
  EXPECT_EQ(model_->queue.size(), 2U);
  lane_->Serve(one_->slot);
  Settle(io_);
  EXPECT_THAT(Told(*one_), ElementsAre("run 5 6"));
}

TEST_F(LaneTest, ASlotThatIsTakenOverFromFinishesFirst) {
  one_ = AddServing(model_, "p");
  EnqueueSome(model_, 4);
  Settle(io_);
  Told(*one_);
  two_ = AddServing(model_, "p2");
  EXPECT_EQ(lane_->Find(model_.get()), two_->slot);
  EnqueueSome(model_, 2);
  Settle(io_);
  EXPECT_THAT(Told(*two_), IsEmpty());
  FinishBatch(*one_, {1, 2});
  EXPECT_THAT(Told(*one_), IsEmpty());
  EXPECT_THAT(Told(*two_), IsEmpty());
  FinishBatch(*one_, {3, 4});
  EXPECT_THAT(Told(*one_), IsEmpty());
  EXPECT_THAT(Told(*two_), ElementsAre("run 5 6"));
  EXPECT_THAT(TakeHeard(), ElementsAre("done 1 ok", "done 2 ok", "done 3 ok", "done 4 ok"));
}

TEST_F(LaneTest, ASlotThatIsTakenOverFromMayBeLost) {
  one_ = AddServing(model_, "p");
  EnqueueSome(model_, 2);
  Settle(io_);
  two_ = AddServing(model_, "p2");
  one_->host.Lose(Status::Internal("gone"), {1});
  Settle(io_);
  // What it had is its successor's now.
  EXPECT_THAT(TakeHeard(), testing::UnorderedElementsAre("lost 1 to blame: gone", "lost 2: gone"));
  EXPECT_THAT(Told(*two_), ElementsAre("run 1", "run 2"));
}

TEST_F(LaneTest, RemovesASlotWhenItsLastBatchHasComeBack) {
  one_ = AddServing(model_, "p");
  EnqueueSome(model_, 4);
  Settle(io_);
  two_ = AddServing(model_, "p2");
  int gone = 0;
  lane_->Remove(one_->slot, [&] { ++gone; });
  Settle(io_);
  EXPECT_EQ(gone, 0);
  FinishBatch(*one_, {1, 2});
  EXPECT_EQ(gone, 0);
  EXPECT_FALSE(one_->instance().destroyed);
  EnqueueSome(model_, 1);
  FinishBatch(*one_, {3, 4});
  EXPECT_EQ(gone, 1);
  EXPECT_TRUE(one_->instance().destroyed);
  ASSERT_EQ(lane_->Slots().size(), 1U);
  EXPECT_EQ(lane_->Slots()[0].slot, two_->slot);
  EXPECT_TRUE(lane_->Slots()[0].serves);
  EXPECT_THAT(Told(*two_), ElementsAre("run 5"));
}

TEST_F(LaneTest, RemovesAnIdleSlotLater) {
  one_ = AddServing(model_, "p");
  lane_->StopServing(one_->slot);
  int gone = 0;
  lane_->Remove(one_->slot, [&] { ++gone; });
  EXPECT_EQ(gone, 0);  // never from inside the call
  Settle(io_);
  EXPECT_EQ(gone, 1);
  EXPECT_TRUE(one_->instance().destroyed);
  EXPECT_THAT(lane_->Slots(), IsEmpty());
}

TEST_F(LaneTest, RemovesASlotWhosePluginIsLost) {
  one_ = AddServing(model_, "p");
  EnqueueSome(model_, 1);
  Settle(io_);
  lane_->StopServing(one_->slot);
  int gone = 0;
  lane_->Remove(one_->slot, [&] { ++gone; });
  Settle(io_);
  EXPECT_EQ(gone, 0);
  one_->host.Lose(Status::Internal("gone"));
  Settle(io_);
  EXPECT_EQ(gone, 1);
  EXPECT_THAT(lane_->Slots(), IsEmpty());
  EXPECT_EQ(model_->queue.size(), 1U);
}

TEST_F(LaneTest, SlotsMayComeAndGoWhileOneIsRemoved) {
  one_ = AddServing(model_, "p");
  two_ = AddServing(other_, "q");
  lane_->StopServing(one_->slot);
  lane_->StopServing(two_->slot);
  std::unique_ptr<Generation> three;
  std::vector<std::string> gone;
  lane_->Remove(one_->slot, [&] {
    gone.emplace_back("one");
    three = AddServing(model_, "p2");
  });
  lane_->Remove(two_->slot, [&] { gone.emplace_back("two"); });
  Settle(io_);
  EXPECT_THAT(gone, ElementsAre("one", "two"));
  ASSERT_EQ(lane_->Slots().size(), 1U);
  EXPECT_EQ(lane_->Find(model_.get()), three->slot);
  EnqueueSome(model_, 1);
  Settle(io_);
  EXPECT_THAT(Told(*three), ElementsAre("run 1"));
  lane_.reset();
}

TEST_F(LaneTest, MayBeDestroyedWithAQuestionInLine) {
  one_ = AddServing(model_, "p");
  lane_->Wake();
  lane_.reset();
  Settle(io_);
  EXPECT_TRUE(one_->instance().destroyed);
}

TEST_F(LaneTest, KnowsItsPlace) {
  EXPECT_EQ(&lane_->device(), &device_);
  EXPECT_EQ(lane_->index(), 3U);
}

}  // namespace
}  // namespace darkroom
