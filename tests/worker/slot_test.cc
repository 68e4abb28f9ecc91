// SPDX-License-Identifier: Apache-2.0

#include "worker/slot.h"

#include <gmock/gmock.h>

#include "tests/worker/lane_fixture.h"

namespace darkroom {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

const Status kCrash(Code::kInstanceLost, "its worker was killed by SIGSEGV");
const Status kDeviceLost(Code::kDeviceLost, "it fell off the bus");
const Status kNotLoaded = Status::FailedPrecondition("the model m is not loaded");

// One model, at most two of whose jobs are a batch. The test must let go of generations after the
// lane, so they are destroyed behind it.
class SlotTest : public LaneFixture {
 protected:
  ~SlotTest() override { lane_.reset(); }

  void Serve() { one_ = AddUnloaded(model_, "p"); }
  void ServeLoaded() {
    one_ = AddServing(model_, "p");
    changed_.clear();
  }
  // It was told to load, and has or has not.
  void Load(const Status& status = Status::Ok()) {
    one_->events().OnLoaded(status, 1);
    Settle(io_);
  }
  Slot& slot() { return *one_->slot; }
  std::vector<std::string> Told() { return std::exchange(one_->instance().told, {}); }

  std::shared_ptr<Model> model_ = MakeModel("m", 2);
  std::unique_ptr<Generation> one_;
};

TEST_F(SlotTest, ComesIntoBeingStepByStep) {
  model_->config.options = {{"tile", 128}};
  model_->config.weights = "/weights/x4";
  one_ = Add(model_, "p");
  EXPECT_EQ(slot().state(), SlotState::kAbsent);
  one_->host.Succeed();
  EXPECT_EQ(slot().state(), SlotState::kCreating);
  EXPECT_FALSE(slot().available());
  const host::InstanceSpec& spec = one_->instance().spec;
  EXPECT_EQ(spec.model, "m");
  EXPECT_EQ(
      nlohmann::json::parse(spec.config),
      nlohmann::json({{"name", "m"}, {"options", {{"tile", 128}}}, {"weights", "/weights/x4"}}));
  EXPECT_EQ(spec.lane.device_type, 1);
  EXPECT_EQ(spec.lane.device_id, 0);
  EXPECT_EQ(spec.lane.max_batch, 2U);
  one_->events().OnCreated(Status::Ok());
  EXPECT_EQ(slot().state(), SlotState::kUnloaded);
  EXPECT_TRUE(slot().available());
  EXPECT_FALSE(slot().loaded());
  EXPECT_THAT(Told(), IsEmpty());  // it is loaded when there is need
  EXPECT_THAT(changed_, ElementsAre("m", "m"));
}

class CudaSlotTest : public LaneFixture {
 protected:
  CudaSlotTest() : LaneFixture({"cuda:3", DeviceKind::kCuda, 3, 1}) {}
};

TEST_F(CudaSlotTest, IsNamedAsDlpackDoes) {
  const auto generation = Add(MakeModel("m", 1), "p");
  generation->host.Succeed();
  EXPECT_EQ(generation->instance().spec.lane.device_type, 2);
  EXPECT_EQ(generation->instance().spec.lane.device_id, 3);
  EXPECT_EQ(generation->instance().spec.lane.sim_speed, 0);
  lane_.reset();
}

class SimulatedSlotTest : public LaneFixture {
 protected:
  SimulatedSlotTest() : LaneFixture({"sim:2", DeviceKind::kCpu, 2, 1, 0, true, 4}) {}
};

TEST_F(SimulatedSlotTest, IsTheCpuWithASpeed) {
  const auto generation = Add(MakeModel("m", 1), "p");
  generation->host.Succeed();
  const host::LaneSpec& lane = generation->instance().spec.lane;
  EXPECT_EQ(lane.device_type, 1);
  EXPECT_EQ(lane.device_id, 0);
  EXPECT_EQ(lane.sim_index, 2U);
  EXPECT_EQ(lane.sim_speed, 4);
  lane_.reset();
}

TEST_F(SlotTest, WhatSaysThatItsDeviceIsLostIsEnded) {
  ServeLoaded();
  EnqueueSome(model_, 2);
  Settle(io_);
  ASSERT_EQ(slot().outstanding(), 1U);
  one_->instance().Finish(1, kDeviceLost);
  EXPECT_THAT(one_->host.plugin().killed, ElementsAre("it fell off the bus"));
  EXPECT_THAT(TakeHeard(), IsEmpty()) << "it is not its end";
  EXPECT_EQ(pool_.HealthOf(device_).state(), HealthState::kSuspected);
  one_->host.Lose(kDeviceLost);
  EXPECT_THAT(TakeHeard(),
              ElementsAre("lost 1 to blame: it fell off the bus", "lost 2: it fell off the bus"));
  EXPECT_EQ(pool_.HealthOf(device_).losses(), 1U);
}

TEST_F(SlotTest, AnInstanceThatIsLostSaysNothingOfItsDevice) {
  ServeLoaded();
  Enqueue(model_);
  Settle(io_);
  one_->instance().Finish(1, {Code::kInstanceLost, "broke"});
  EXPECT_THAT(one_->host.plugin().killed, ElementsAre("broke"));
  EXPECT_TRUE(pool_.HealthOf(device_).usable());
  one_->host.Lose({Code::kInstanceLost, "broke"});
  EXPECT_THAT(TakeHeard(), ElementsAre("lost 1 to blame: broke"));
}

TEST_F(SlotTest, ADeviceThatIsLostInLoadingIsReported) {
  Serve();
  slot().Load(host::kNoMemoryLimit);
  Load(kDeviceLost);
  EXPECT_EQ(slot().state(), SlotState::kLoading);
  EXPECT_THAT(one_->host.plugin().killed, ElementsAre("it fell off the bus"));
  EXPECT_THAT(TakeHeard(), IsEmpty()) << "who waits goes on waiting";
  EXPECT_FALSE(pool_.HealthOf(device_).usable());
  one_->host.Lose(kDeviceLost);
  EXPECT_EQ(slot().state(), SlotState::kAbsent);
}

TEST_F(SlotTest, WhatCannotBeEndedIsAnswered) {
  ServeLoaded();
  one_->host.plugin().killable = false;
  Enqueue(model_);
  Settle(io_);
  FinishBatch(*one_, {1}, kDeviceLost);
  EXPECT_THAT(TakeHeard(), ElementsAre("done 1 device_lost: it fell off the bus"));
  // A CPU that computes is as good as ever.
  EXPECT_EQ(pool_.HealthOf(device_).state(), HealthState::kSuspected);
}

TEST_F(CudaSlotTest, ThatIsLostInTheDaemonIsLostForGood) {
  const auto model = MakeModel("m", 1);
  const auto generation = AddServing(model, "p");
  generation->host.plugin().killable = false;
  Enqueue(model);
  Settle(io_);
  FinishBatch(*generation, {1}, kDeviceLost);
  EXPECT_EQ(pool_.HealthOf(device_).state(), HealthState::kQuarantined);
  EXPECT_FALSE(pool_.HealthOf(device_).probe_at());
  lane_.reset();
}

TEST_F(SlotTest, IsRefusedByThePlugin) {
  one_ = Add(model_, "p");
  lane_->Serve(&slot());
  one_->host.Succeed();
  one_->events().OnCreated(Status::InvalidArgument("unknown option 'tyle'"));
  EXPECT_EQ(slot().state(), SlotState::kRefused);
  EXPECT_FALSE(slot().available());
  EXPECT_EQ(slot().error().message(), "unknown option 'tyle'");
  Enqueue(model_);
  Settle(io_);
  EXPECT_THAT(Told(), IsEmpty());
  EXPECT_EQ(model_->queue.size(), 1U);
}

TEST_F(SlotTest, ItsPluginCannotBeOpened) {
  one_ = Add(model_, "p");
  one_->host.Fail(Status::NotFound("no such file"));
  EXPECT_EQ(slot().state(), SlotState::kAbsent);
  EXPECT_EQ(slot().error().message(), "no such file");
  EXPECT_THAT(changed_, ElementsAre("m"));
}

TEST_F(SlotTest, LoadsWhenAsked) {
  Serve();
  slot().Load(host::kNoMemoryLimit);
  slot().Load(host::kNoMemoryLimit);  // once is enough
  EXPECT_EQ(slot().state(), SlotState::kLoading);
  EXPECT_THAT(Told(), ElementsAre("load"));
  one_->events().OnLoaded(Status::Ok(), 12.5);
  EXPECT_EQ(slot().state(), SlotState::kIdle);
  EXPECT_EQ(slot().load_ms(), 12.5);
  slot().Load(host::kNoMemoryLimit);
  EXPECT_THAT(Told(), IsEmpty());
  EXPECT_THAT(log_.lines(), Contains("info: m: loaded on cpu in 12 ms"));
}

TEST_F(SlotTest, TheFirstJobLoadsIt) {
  Serve();
  Enqueue(model_);
  Settle(io_);
  EXPECT_THAT(Told(), ElementsAre("load"));
  EXPECT_EQ(slot().state(), SlotState::kLoading);
  Load();
  EXPECT_THAT(Told(), ElementsAre("run 1"));
  EXPECT_EQ(slot().state(), SlotState::kRunning);
  FinishBatch(*one_, {1});
  EXPECT_EQ(slot().state(), SlotState::kIdle);
  EXPECT_THAT(TakeHeard(), ElementsAre("done 1 ok"));
  EXPECT_EQ(slot().jobs_ended(), 1U);
  Enqueue(model_);
  Settle(io_);
  EXPECT_THAT(Told(), ElementsAre("run 2"));
  EXPECT_EQ(slot().state(), SlotState::kRunning);
}

TEST_F(SlotTest, WhyItCannotBeLoadedIsTold) {
  Serve();
  Job* const job = Enqueue(model_);
  Settle(io_);
  one_->events().OnLoaded(Status::ResourceExhausted("out of memory"), 1);
  EXPECT_EQ(slot().state(), SlotState::kFailed);
  EXPECT_THAT(TakeHeard(), ElementsAre("cannot load m: out of memory"));
  EXPECT_THAT(log_.lines(),
              Contains("error: m: cannot be loaded on cpu: resource_exhausted: out of memory"));
  // Whoever waits has been told; the next job tries again.
  model_->queue.Remove(job);
  Told();
  Settle(io_);
  EXPECT_THAT(Told(), IsEmpty());
  Enqueue(model_);
  Settle(io_);
  EXPECT_THAT(Told(), ElementsAre("load"));
  Load();
  EXPECT_TRUE(slot().error().ok());
  EXPECT_THAT(Told(), ElementsAre("run 2"));
  FinishBatch(*one_, {2}, Status::FailedPrecondition("no face in it"));
  EXPECT_THAT(TakeHeard(), ElementsAre("done 2 failed_precondition: no face in it"));
}

TEST_F(SlotTest, IsUnloadedAndLoadedAgain) {
  ServeLoaded();
  slot().Unload();
  EXPECT_THAT(Told(), ElementsAre("unload"));
  one_->events().OnUnloaded();
  EXPECT_EQ(slot().state(), SlotState::kUnloaded);
  Enqueue(model_);
  Settle(io_);
  EXPECT_THAT(Told(), ElementsAre("load"));
}

TEST_F(SlotTest, OnlyWhatHadBegunIsToBlameForALoss) {
  ServeLoaded();
  EnqueueSome(model_, 4);
  Settle(io_);
  EXPECT_THAT(Told(), ElementsAre("run 1 2", "run 3 4"));
  one_->instance().Finish(2);
  TakeHeard();
  one_->host.Lose(kCrash, {4, 1});
  EXPECT_THAT(TakeHeard(),
              testing::UnorderedElementsAre("lost 1 to blame: its worker was killed by SIGSEGV",
                                            "lost 3: its worker was killed by SIGSEGV",
                                            "lost 4 to blame: its worker was killed by SIGSEGV"));
  EXPECT_EQ(slot().state(), SlotState::kAbsent);
  EXPECT_EQ(slot().outstanding(), 0U);
  EXPECT_FALSE(lane_->running());
  EXPECT_EQ(slot().error().code(), Code::kInstanceLost);
}

TEST_F(SlotTest, IsMadeAnewAfterALossAndRunsWhatCameBack) {
  ServeLoaded();
  EnqueueSome(model_, 3);
  Settle(io_);
  one_->host.Lose(kCrash, {1});
  Settle(io_);
  EXPECT_TRUE(one_->host.openings[0].made->instance().destroyed);
  ASSERT_EQ(one_->host.openings.size(), 2U);
  one_->host.Succeed();
  EXPECT_EQ(slot().state(), SlotState::kCreating);
  EXPECT_THAT(Told(), IsEmpty());
  one_->events().OnCreated(Status::Ok());
  Settle(io_);
  EXPECT_THAT(Told(), ElementsAre("load"));
  Load();
  // One that an attempt has failed for runs alone.
  EXPECT_THAT(Told(), ElementsAre("run 1", "run 2 3"));
  TakeHeard();
  FinishBatch(*one_, {1});
  FinishBatch(*one_, {2, 3});
  EXPECT_THAT(TakeHeard(), ElementsAre("done 1 ok", "done 2 ok", "done 3 ok"));
  EXPECT_EQ(slot().jobs_ended(), 3U);
}

TEST_F(SlotTest, AnswersOfNoJobOfItsAreLeftAlone) {
  ServeLoaded();
  Enqueue(model_);
  Settle(io_);
  one_->instance().Finish(99);
  one_->instance().Finish(1);
  one_->instance().Finish(1);
  EXPECT_THAT(TakeHeard(), ElementsAre("done 1 ok"));
  one_->events().OnBatchDone();
  one_->events().OnBatchDone();
  EXPECT_EQ(slot().outstanding(), 0U);
}

TEST_F(SlotTest, IsTheRunnerOfItsJobs) {
  ServeLoaded();
  Job* const job = Enqueue(model_);
  EXPECT_EQ(job->runner, nullptr);
  Settle(io_);
  ASSERT_EQ(job->runner, &slot());
  job->runner->Cancel(*job);
  EXPECT_THAT(Told(), ElementsAre("run 1", "cancel 1"));
  EXPECT_TRUE(job->runner->Stop(*job, Status::Internal("it did not stop")));
  EXPECT_THAT(one_->host.plugin().killed, ElementsAre("it did not stop"));
  one_->host.Lose(kCrash, {1});
  EXPECT_EQ(job->runner, nullptr);
  slot().Cancel(*job);  // there is nobody to tell
}

TEST_F(SlotTest, RehearsesAJobThatNobodyWaitsFor) {
  ServeLoaded();
  std::vector<std::string> told;
  const auto tell = [&](const Status& status) { told.push_back(status.ToString()); };
  const auto finish = [&](const Status& status) {
    one_->instance().Finish(one_->instance().ran.back().at(0).token, status);
    one_->events().OnBatchDone();
  };
  slot().Rehearse({}, tell);
  EXPECT_THAT(Told(), ElementsAre("run 0"));
  EXPECT_EQ(slot().outstanding(), 1U);
  EXPECT_THAT(told, IsEmpty());
  finish(Status::Ok());
  EXPECT_EQ(slot().state(), SlotState::kIdle);
  slot().Rehearse({}, tell);
  finish(Status::InvalidArgument("no such tile"));
  slot().Rehearse({}, tell);
  one_->host.Lose(kCrash, {0});
  EXPECT_THAT(told, ElementsAre("ok", "invalid_argument: no such tile",
                                "instance_lost: its worker was killed by SIGSEGV"));
  EXPECT_EQ(slot().outstanding(), 0U);
  EXPECT_EQ(slot().jobs_ended(), 0U);
  EXPECT_THAT(TakeHeard(), IsEmpty());
}

TEST_F(SlotTest, PassesProgressOn) {
  ServeLoaded();
  Enqueue(model_);
  Settle(io_);
  one_->events().OnProgress(1, 0.25, "tile 1/4");
  EXPECT_THAT(TakeHeard(), ElementsAre("progress 1 25% tile 1/4"));
}

TEST_F(SlotTest, PassesPreviewsOn) {
  ServeLoaded();
  Enqueue(model_);
  Settle(io_);
  one_->events().OnPreview(1, Buffer::Copy(AsBytes("a picture")));
  EXPECT_THAT(TakeHeard(), ElementsAre("preview 1 a picture"));
}

TEST_F(SlotTest, AsksForPreviewsOfThoseWhoWantProgress) {
  ServeLoaded();
  Enqueue(model_);
  Enqueue(model_)->request.progress = true;
  Settle(io_);
  const std::vector<host::HostJob>& ran = one_->instance().ran.at(0);
  ASSERT_EQ(ran.size(), 2U);
  EXPECT_EQ(ran[0].preview_out, nullptr);
  EXPECT_EQ(ran[1].preview_out, &jobs_.Find(2)->preview_out);
}

}  // namespace
}  // namespace darkroom
