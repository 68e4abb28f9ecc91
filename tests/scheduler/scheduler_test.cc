// SPDX-License-Identifier: Apache-2.0

#include "scheduler/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "tests/scheduler/waiting_jobs.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using std::chrono::milliseconds;

class FakeLane : public LaneClient {
 public:
  explicit FakeLane(Scheduler* scheduler) : scheduler_(scheduler) { scheduler->AddLane(this); }

  void Wake() override { ++wakes; }
  void Serve(const std::shared_ptr<Model>& model) { scheduler_->Serve(this, model.get()); }

  // What it is given now; `running`: whose batch it has had since `since`.
  std::vector<Job*> Next(const Model* running = nullptr) {
    std::optional<Scheduler::Running> busy;
    if (running != nullptr) busy = Scheduler::Running{running, since};
    Scheduler::Choice choice = scheduler_->Next(this, busy, now);
    again = choice.again;
    return std::move(choice.batch);
  }

  int wakes = 0;
  Scheduler::Time now{std::chrono::hours(1)};
  Scheduler::Time since = now;
  std::optional<Scheduler::Time> again;

 private:
  Scheduler* scheduler_;
};

class SchedulerTest : public testing::Test {
 protected:
  // A model whose batches are of so many, served by the lane.
  std::shared_ptr<Model> Served(uint32_t max_batch) {
    auto model = jobs_.MakeModel(max_batch);
    lane_.Serve(model);
    return model;
  }

  WaitingJobs jobs_;
  Scheduler scheduler_;
  FakeLane lane_{&scheduler_};
};

TEST_F(SchedulerTest, WakesALaneOncePerWait) {
  const auto model = Served(8);
  Job* a = jobs_.Enqueue(model);
  scheduler_.Enqueued(model.get());
  Job* b = jobs_.Enqueue(model);
  scheduler_.Enqueued(model.get());
  EXPECT_EQ(lane_.wakes, 1);
  EXPECT_THAT(lane_.Next(), ElementsAre(a, b));
  EXPECT_THAT(lane_.Next(), IsEmpty());
  jobs_.Enqueue(model);
  scheduler_.Enqueued(model.get());
  EXPECT_EQ(lane_.wakes, 2);
}

TEST_F(SchedulerTest, GivesTheLongestWaitingModelFirst) {
  const auto one = Served(1);
  const auto two = Served(1);
  Job* a = jobs_.Enqueue(two);
  Job* b = jobs_.Enqueue(one);
  Job* c = jobs_.Enqueue(two);
  EXPECT_THAT(lane_.Next(), ElementsAre(a));
  EXPECT_THAT(lane_.Next(), ElementsAre(b));
  EXPECT_THAT(lane_.Next(), ElementsAre(c));
}

TEST_F(SchedulerTest, ALaneThatRunsOneModelIsNotGivenAnother) {
  const auto one = Served(1);
  const auto two = Served(1);
  Job* a = jobs_.Enqueue(one);
  Job* b = jobs_.Enqueue(one);
  Job* c = jobs_.Enqueue(two);
  Job* d = jobs_.Enqueue(one);
  EXPECT_THAT(lane_.Next(), ElementsAre(a));
  EXPECT_THAT(lane_.Next(one.get()), ElementsAre(b));
  // The other model's job is older than the next of this one: it must not be overtaken.
  EXPECT_THAT(lane_.Next(one.get()), IsEmpty());
  EXPECT_THAT(lane_.Next(), ElementsAre(c));
  EXPECT_THAT(lane_.Next(), ElementsAre(d));
}

TEST(Scheduler, SpreadsWorkOverWaitingLanes) {
  WaitingJobs jobs;
  const auto model = jobs.MakeModel(1);
  const auto other = jobs.MakeModel(1);
  Scheduler scheduler;
  FakeLane first(&scheduler);
  FakeLane second(&scheduler);
  FakeLane unfit(&scheduler);
  unfit.Serve(other);
  first.Serve(model);
  second.Serve(model);
  jobs.Enqueue(model);
  scheduler.Enqueued(model.get());
  EXPECT_EQ(first.wakes + second.wakes, 2);  // either may take it; the other asks in vain
  EXPECT_EQ(unfit.wakes, 0);
}

TEST_F(SchedulerTest, ALaneThatStopsServingIsNotAskedAndOneThatBeginsIs) {
  const auto model = jobs_.MakeModel(1);
  Job* a = jobs_.Enqueue(model);
  scheduler_.Enqueued(model.get());
  EXPECT_EQ(lane_.wakes, 0);
  EXPECT_THAT(lane_.Next(), IsEmpty());
  lane_.Serve(model);
  EXPECT_EQ(lane_.wakes, 1);
  EXPECT_THAT(lane_.Next(), ElementsAre(a));
  jobs_.Enqueue(model);
  scheduler_.StopServing(&lane_, model.get());
  scheduler_.Enqueued(model.get());
  EXPECT_THAT(lane_.Next(), IsEmpty());
}

TEST_F(SchedulerTest, TheEarliestDeadlineOfATenantGoesFirst) {
  const auto one = Served(1);
  const auto two = Served(1);
  Job* last = jobs_.EnqueueDue(one, milliseconds(300));
  Job* first = jobs_.EnqueueDue(two, milliseconds(100));
  Job* second = jobs_.EnqueueDue(one, milliseconds(200));
  EXPECT_THAT(lane_.Next(), ElementsAre(first));
  EXPECT_THAT(lane_.Next(), ElementsAre(second));
  EXPECT_THAT(lane_.Next(), ElementsAre(last));
}

TEST(Scheduler, UrgentClassesGoFirstAndTheOthersHaveTheirFloor) {
  WaitingJobs jobs;
  const auto model = jobs.MakeModel(1);
  model->times.Add(10, 1);
  Scheduler scheduler(0.1);
  FakeLane lane(&scheduler);
  lane.Serve(model);
  for (int i = 0; i < 300; ++i) {
    jobs.Enqueue(model, "{}", JobClass::kBulk);
    jobs.Enqueue(model, "{}", JobClass::kNormal);
    jobs.Enqueue(model, "{}", JobClass::kInteractive);
  }
  PerClass<int> given{};
  for (int i = 0; i < 200; ++i) ++given[static_cast<size_t>(lane.Next().at(0)->job_class)];
  EXPECT_NEAR(given[0], 160, 2);
  EXPECT_NEAR(given[1], 20, 2);
  EXPECT_NEAR(given[2], 20, 2);
  // The others have nothing to catch up with when the first has nothing more.
  while (model->queue.size(JobClass::kInteractive) > 0) lane.Next();
  given = {};
  for (int i = 0; i < 100; ++i) ++given[static_cast<size_t>(lane.Next().at(0)->job_class)];
  EXPECT_NEAR(given[1], 90, 2);
  EXPECT_NEAR(given[2], 10, 2);
}

TEST_F(SchedulerTest, TenantsShareByTheirWeights) {
  const auto slow = Served(1);
  const auto fast = Served(1);
  slow->times.Add(20, 1);
  fast->times.Add(10, 1);
  // It is time that is shared, and not jobs; and whoever sends more does not get more.
  for (int i = 0; i < 1000; ++i) {
    jobs_.Enqueue(fast, "{}", JobClass::kNormal, "gold");
    jobs_.Enqueue(fast, "{}", JobClass::kNormal, "other");
    jobs_.Enqueue(slow, "{}", JobClass::kNormal, "other");
    if (i < 500) jobs_.Enqueue(slow, "{}", JobClass::kNormal, "small");
  }
  std::map<std::string, double> had;
  double all = 0;
  while (all < 10'000) {
    const Job* job = lane_.Next().at(0);
    const double ms = job->model->times.job_ms();
    had[job->tenant->name] += ms;
    all += ms;
  }
  EXPECT_NEAR(had["gold"], 6'000, 60);  // 3 of 5
  EXPECT_NEAR(had["other"], 2'000, 60);
  EXPECT_NEAR(had["small"], 2'000, 60);
}

TEST_F(SchedulerTest, ATenantThatComesBackHasNothingSavedUp) {
  const auto model = Served(1);
  model->times.Add(10, 1);
  for (int i = 0; i < 100; ++i) jobs_.Enqueue(model, "{}", JobClass::kNormal, "there");
  for (int i = 0; i < 50; ++i) lane_.Next();
  for (int i = 0; i < 50; ++i) jobs_.Enqueue(model, "{}", JobClass::kNormal, "new");
  int of_new = 0;
  for (int i = 0; i < 20; ++i) of_new += lane_.Next().at(0)->tenant->name == "new" ? 1 : 0;
  EXPECT_NEAR(of_new, 10, 1);
}

TEST_F(SchedulerTest, WhatAJobReallyTookIsCharged) {
  const auto model = Served(1);
  model->times.Add(10, 1);
  for (int i = 0; i < 100; ++i) {
    jobs_.Enqueue(model, "{}", JobClass::kNormal, "long");
    jobs_.Enqueue(model, "{}", JobClass::kNormal, "short");
  }
  std::map<std::string, int> had;
  for (int i = 0; i < 80; ++i) {
    const Job* job = lane_.Next().at(0);
    ++had[job->tenant->name];
    scheduler_.Correct(*job, job->tenant->name == "long" ? 30 : 10);
  }
  EXPECT_NEAR(had["long"], 20, 2);
  EXPECT_NEAR(had["short"], 60, 2);
}

TEST_F(SchedulerTest, NoMoreJobsOfAModelRunThanMay) {
  const auto model = Served(8);
  model->config.max_concurrency = 3;
  for (int i = 0; i < 6; ++i) jobs_.Enqueue(model);
  EXPECT_EQ(lane_.Next().size(), 3U);
  model->running = 3;
  EXPECT_THAT(lane_.Next(), IsEmpty());
  model->running = 2;
  scheduler_.Enqueued(model.get());
  EXPECT_EQ(lane_.wakes, 1);
  EXPECT_EQ(lane_.Next().size(), 1U);
}

TEST_F(SchedulerTest, ABatchIsWaitedForUntilItIsFullOrItsTimeIsOver) {
  const auto model = Served(3);
  model->config.max_delay = milliseconds(5);
  Job* a = jobs_.Enqueue(model);
  a->accepted = lane_.now;
  EXPECT_THAT(lane_.Next(), IsEmpty());
  ASSERT_TRUE(lane_.again);
  EXPECT_EQ(*lane_.again, lane_.now + milliseconds(5));
  Job* b = jobs_.Enqueue(model);
  Job* c = jobs_.Enqueue(model);
  b->accepted = c->accepted = lane_.now + milliseconds(1);
  EXPECT_THAT(lane_.Next(), ElementsAre(a, b, c));
  Job* d = jobs_.Enqueue(model);
  d->accepted = lane_.now;
  EXPECT_THAT(lane_.Next(), IsEmpty());
  lane_.now += milliseconds(5);
  EXPECT_THAT(lane_.Next(), ElementsAre(d));
}

TEST_F(SchedulerTest, TheNextBatchIsGivenShortlyBeforeTheOneThatRunsEnds) {
  const auto model = Served(2);
  model->times.Add(20, 1);
  Job* a = jobs_.Enqueue(model);
  EXPECT_THAT(lane_.Next(), ElementsAre(a));
  Job* b = jobs_.Enqueue(model);
  EXPECT_THAT(lane_.Next(model.get()), IsEmpty());
  ASSERT_TRUE(lane_.again);
  EXPECT_EQ(*lane_.again, lane_.since + milliseconds(18));
  lane_.now = *lane_.again;
  Job* c = jobs_.Enqueue(model);
  EXPECT_THAT(lane_.Next(model.get()), ElementsAre(b, c));
}

TEST_F(SchedulerTest, WhatCannotBeDoneInTimeGoesLast) {
  const auto model = Served(2);
  model->times.Add(100, 1);
  const auto due = [&](int ms) {
    return jobs_.EnqueueDue(model, (lane_.now + milliseconds(ms)).time_since_epoch());
  };
  Job* hopeless = due(50);
  Job* soon = due(200);
  Job* later = due(300);
  EXPECT_THAT(lane_.Next(), ElementsAre(soon, later));
  EXPECT_THAT(lane_.Next(), ElementsAre(hopeless));  // it may take less than others did
}

}  // namespace
}  // namespace darkroom
