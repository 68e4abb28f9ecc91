// SPDX-License-Identifier: Apache-2.0

#include "scheduler/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/scheduler/waiting_jobs.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct FakeLane : LaneClient {
  void Wake() override { ++wakes; }
  int wakes = 0;
};

TEST(Scheduler, WakesALaneOncePerWait) {
  WaitingJobs jobs;
  const auto model = jobs.MakeModel(8);
  Scheduler scheduler;
  FakeLane lane;
  scheduler.AddLane(&lane);
  scheduler.Serve(&lane, model.get());
  Job* a = jobs.Enqueue(model);
  scheduler.Enqueued(model.get());
  Job* b = jobs.Enqueue(model);
  scheduler.Enqueued(model.get());
  EXPECT_EQ(lane.wakes, 1);
  EXPECT_THAT(scheduler.Next(&lane, nullptr), ElementsAre(a, b));
  EXPECT_THAT(scheduler.Next(&lane, nullptr), IsEmpty());
  jobs.Enqueue(model);
  scheduler.Enqueued(model.get());
  EXPECT_EQ(lane.wakes, 2);
}

TEST(Scheduler, GivesTheLongestWaitingModelFirst) {
  WaitingJobs jobs;
  const auto one = jobs.MakeModel(1);
  const auto two = jobs.MakeModel(1);
  Scheduler scheduler;
  FakeLane lane;
  scheduler.AddLane(&lane);
  scheduler.Serve(&lane, one.get());
  scheduler.Serve(&lane, two.get());
  Job* a = jobs.Enqueue(two);
  Job* b = jobs.Enqueue(one);
  Job* c = jobs.Enqueue(two);
  EXPECT_THAT(scheduler.Next(&lane, nullptr), ElementsAre(a));
  EXPECT_THAT(scheduler.Next(&lane, nullptr), ElementsAre(b));
  EXPECT_THAT(scheduler.Next(&lane, nullptr), ElementsAre(c));
}

TEST(Scheduler, ALaneThatRunsOneModelIsNotGivenAnother) {
  WaitingJobs jobs;
  const auto one = jobs.MakeModel(1);
  const auto two = jobs.MakeModel(1);
  Scheduler scheduler;
  FakeLane lane;
  scheduler.AddLane(&lane);
  scheduler.Serve(&lane, one.get());
  scheduler.Serve(&lane, two.get());
  Job* a = jobs.Enqueue(one);
  Job* b = jobs.Enqueue(one);
  Job* c = jobs.Enqueue(two);
  Job* d = jobs.Enqueue(one);
  EXPECT_THAT(scheduler.Next(&lane, nullptr), ElementsAre(a));
  EXPECT_THAT(scheduler.Next(&lane, one.get()), ElementsAre(b));
  // The other model's job is older than the next of this one: it must not be overtaken.
  EXPECT_THAT(scheduler.Next(&lane, one.get()), IsEmpty());
  EXPECT_THAT(scheduler.Next(&lane, nullptr), ElementsAre(c));
  EXPECT_THAT(scheduler.Next(&lane, nullptr), ElementsAre(d));
}

TEST(Scheduler, SpreadsWorkOverWaitingLanes) {
  WaitingJobs jobs;
  const auto model = jobs.MakeModel(1);
  const auto other = jobs.MakeModel(1);
  Scheduler scheduler;
  FakeLane first;
  FakeLane second;
  FakeLane unfit;
  scheduler.AddLane(&unfit);
  scheduler.Serve(&unfit, other.get());
  scheduler.AddLane(&first);
  scheduler.Serve(&first, model.get());
  scheduler.AddLane(&second);
  scheduler.Serve(&second, model.get());
  jobs.Enqueue(model);
  scheduler.Enqueued(model.get());
  EXPECT_EQ(first.wakes + second.wakes, 2);  // either may take it; the other asks in vain
  EXPECT_EQ(unfit.wakes, 0);
}

TEST(Scheduler, ALaneThatStopsServingIsNotAskedAndOneThatBeginsIs) {
  WaitingJobs jobs;
  const auto model = jobs.MakeModel(1);
  Scheduler scheduler;
  FakeLane lane;
  scheduler.AddLane(&lane);
  Job* a = jobs.Enqueue(model);
  scheduler.Enqueued(model.get());
  EXPECT_EQ(lane.wakes, 0);
  EXPECT_THAT(scheduler.Next(&lane, nullptr), IsEmpty());
  scheduler.Serve(&lane, model.get());
  EXPECT_EQ(lane.wakes, 1);
  EXPECT_THAT(scheduler.Next(&lane, nullptr), ElementsAre(a));
  jobs.Enqueue(model);
  scheduler.StopServing(&lane, model.get());
  scheduler.Enqueued(model.get());
  EXPECT_THAT(scheduler.Next(&lane, nullptr), IsEmpty());
}

}  // namespace
}  // namespace darkroom
