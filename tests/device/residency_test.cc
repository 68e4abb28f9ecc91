// SPDX-License-Identifier: Apache-2.0

#include "device/residency.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "tests/device/residency_fixture.h"

namespace darkroom {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using State = Residency::State;

TEST_F(ResidencyTest, LoadsWhatJobsWaitForAndNothingElse) {
  FakePlace* wanted = Add(60);
  FakePlace* other = Add(30);
  Consider();
  EXPECT_EQ(wanted->loads, 0);
  Enqueue(wanted);
  Consider();
  Consider();
  EXPECT_EQ(wanted->loads, 1);
  EXPECT_EQ(other->loads, 0);
  EXPECT_EQ(ledger_.HeldBy(static_cast<Place*>(wanted)), 60U);
  residency_.OnLoaded(wanted, 5, now_);
  EXPECT_EQ(StateOf(wanted), State::kReady);
  Consider();
  EXPECT_EQ(wanted->loads, 1);
}

TEST_F(ResidencyTest, WhatIsIdleForItsTimeGoes) {
  FakePlace* place = AddReady(60);
  FakePlace* kept = AddReady(10);
  kept->model->config.keep_alive = ModelConfig::kAlways;
  now_ += minutes(5);
  RunOne(place);
  EXPECT_EQ(Consider(), now_ + minutes(10));
  EXPECT_EQ(residency_.Look(place).kept_until, now_ + minutes(10));
  now_ += minutes(10);
  Consider();
  EXPECT_EQ(place->leaves, 1);
  EXPECT_EQ(ledger_.leased(), 70U);  // until it is gone
  residency_.OnUnloaded(place);
  EXPECT_EQ(ledger_.leased(), 10U);
  EXPECT_EQ(kept->leaves, 0);
}

TEST_F(ResidencyTest, WhatRunsOrIsWaitedForIsNotIdle) {
  FakePlace* runs = AddReady(10);
  FakePlace* waited_for = AddReady(10);
  residency_.OnBatches(runs, 1, now_);
  Enqueue(waited_for);
  now_ += minutes(60);
  Consider();
  EXPECT_EQ(runs->leaves + waited_for->leaves, 0);
}

TEST_F(ResidencyTest, RoomIsMadeOfWhatWouldBeMissedLeast) {
  FakePlace* quick = AddReady(40, 100);
  FakePlace* slow = AddReady(40, 10'000);
  now_ += seconds(60);
  FakePlace* wants = Add(50);
  Enqueue(wants);
  Consider();
  EXPECT_EQ(quick->leaves, 1);
  EXPECT_EQ(slow->leaves, 0);
  EXPECT_EQ(StateOf(wants), State::kAwaiting);
  EXPECT_EQ(wants->loads, 0);
  residency_.OnUnloaded(quick);
  Consider();
  EXPECT_EQ(wants->loads, 1);
  EXPECT_EQ(residency_.evictions(), 1U);
}

TEST_F(ResidencyTest, WhatWasUsedMoreStays) {
  FakePlace* often = AddReady(40);
  FakePlace* seldom = AddReady(40);
  for (int i = 0; i < 10; ++i) RunOne(often);
  RunOne(seldom);
  now_ += seconds(60);
  FakePlace* wants = Add(50);
  Enqueue(wants);
  Consider();
  EXPECT_EQ(often->leaves, 0);
  EXPECT_EQ(seldom->leaves, 1);
}

TEST_F(ResidencyTest, NoMoreGoesThanMust) {
  FakePlace* small = AddReady(10, 1);
  FakePlace* large = AddReady(80, 1000);
  now_ += seconds(60);
  FakePlace* wants = Add(85);
  Enqueue(wants);
  Consider();
  EXPECT_EQ(large->leaves, 1);
  EXPECT_EQ(small->leaves, 0);
}

TEST_F(ResidencyTest, WhatRunsIsNotEvictedAndRoomMadeForOneIsNotForOthers) {
  FakePlace* runs = AddReady(60);
  residency_.OnBatches(runs, 1, now_);
  FakePlace* wants = Add(60);
  Enqueue(wants, JobClass::kBulk);
  EXPECT_TRUE(Consider());  // it is looked at again
  EXPECT_EQ(runs->leaves, 0);
  residency_.OnBatches(runs, 0, now_);
  now_ += seconds(2);
  Consider();
  EXPECT_EQ(runs->leaves, 1);
  FakePlace* small = Add(30);
  Enqueue(small);
  Consider();
  EXPECT_EQ(small->loads, 0);
  residency_.OnUnloaded(runs);
  Consider();
  EXPECT_EQ(wants->loads, 1);
  EXPECT_EQ(small->loads, 1);
}

TEST_F(ResidencyTest, MoreUrgentJobsEvictWhatOthersWaitFor) {
  FakePlace* bulk = AddReady(60);
  Enqueue(bulk, JobClass::kBulk);
  residency_.OnBatches(bulk, 1, now_);
  FakePlace* normal = Add(60);
  Enqueue(normal, JobClass::kBulk);
  Consider();
  EXPECT_EQ(bulk->leaves, 0);
  Enqueue(normal, JobClass::kInteractive);
  now_ += milliseconds(999);
  Consider();
  EXPECT_EQ(bulk->leaves, 0);  // it runs as long as it took to load
  now_ += milliseconds(1);
  Consider();
  EXPECT_EQ(bulk->leaves, 1);
}

TEST_F(ResidencyTest, WhatWasBypassedGoesBeforeWhatIsMoreUrgent) {
  FakePlace* here = AddReady(60);
  FakePlace* bulk = Add(60);
  FakePlace* urgent = Add(60);
  Enqueue(here);
  Enqueue(bulk, JobClass::kBulk);
  now_ += seconds(10);
  Enqueue(urgent, JobClass::kInteractive);
  Consider();
  EXPECT_EQ(StateOf(bulk), State::kAwaiting);
  EXPECT_EQ(StateOf(urgent), State::kUnloaded);
}

TEST_F(ResidencyTest, NobodyIsBypassedForLongerThanPatience) {
  FakePlace* here = AddReady(60);
  FakePlace* away = Add(60);
  Enqueue(away);
  for (int second = 0; second < 10; ++second) {
    Enqueue(here);
    residency_.OnBatches(here, 1, now_);
    Consider();
    EXPECT_EQ(here->leaves, 0) << second;
    now_ += seconds(1);
  }
  Consider();
  EXPECT_EQ(here->leaves, 1);
  residency_.OnUnloaded(here);
  Consider();
  residency_.OnLoaded(away, 1000, now_);
  // Now the other waits, and this one has its time too.
  residency_.OnBatches(away, 1, now_);
  now_ += seconds(9);
  Consider();
  EXPECT_EQ(away->leaves, 0);
  now_ += seconds(1);
  Consider();
  EXPECT_EQ(away->leaves, 1);
}

TEST_F(ResidencyTest, AnotherPlaceIsLoadedWhenThatIsWorthIt) {
  FakePlace* first = AddReady(30, 1000);
  int other_lane = 0;
  FakePlace* second = Add(30, first->model, &other_lane);
  first->model->times.Add(100, 1);
  residency_.OnBatches(first, 1, now_);
  for (int i = 0; i < 20; ++i) Enqueue(first);
  Consider();
  EXPECT_EQ(second->loads, 0);  // two seconds of work; loading takes one, which would save one
  Enqueue(first);
  Consider();
  EXPECT_EQ(second->loads, 1);
}

TEST_F(ResidencyTest, AnotherPlaceIsLoadedWhenOthersHaveTheLane) {
  FakePlace* first = AddReady(10, 100);
  FakePlace* others = AddReady(10);
  int other_lane = 0;
  FakePlace* second = Add(10, first->model, &other_lane);
  residency_.OnBatches(others, 1, now_);
  Enqueue(first);
  EXPECT_EQ(Consider(), now_ + milliseconds(50));
  EXPECT_EQ(second->loads, 0);
  now_ += milliseconds(250);
  Consider();
  EXPECT_EQ(second->loads, 1);
}

TEST_F(ResidencyTest, AFreeLaneIsPreferred) {
  FakePlace* others = AddReady(10);
  residency_.OnBatches(others, 1, now_);
  FakePlace* busy = Add(10);
  int other_lane = 0;
  FakePlace* free = Add(10, busy->model, &other_lane);
  Enqueue(busy);
  Consider();
  EXPECT_EQ(busy->loads, 0);
  EXPECT_EQ(free->loads, 1);
}

TEST_F(ResidencyTest, NoMorePlacesAreLoadedThanTheModelMayHave) {
  FakePlace* first = AddReady(30, 1000);
  first->model->config.instances = 1;
  int other_lane = 0;
  FakePlace* second = Add(30, first->model, &other_lane);
  first->model->times.Add(100, 1);
  residency_.OnBatches(first, 1, now_);
  for (int i = 0; i < 100; ++i) Enqueue(first);
  Consider();
  now_ += minutes(1);
  Consider();
  EXPECT_EQ(second->loads, 0);
  // But in another one.
  residency_.OnLost(first);
  Consider();
  EXPECT_EQ(second->loads, 1);
}

TEST_F(ResidencyTest, WherePluginsRunAlreadyIsPreferredUnlessOthersHaveTheLane) {
  FakePlace* cold = Add(10);
  cold->cold = true;
  int other_lane = 0;
  FakePlace* warm = Add(10, cold->model, &other_lane);
  Enqueue(cold);
  Consider();
  EXPECT_EQ(cold->loads, 0);
  EXPECT_EQ(warm->loads, 1);
  residency_.OnLost(warm);
  residency_.OnUnloaded(warm);
  FakePlace* others = Add(10, nullptr, &other_lane);
  EXPECT_TRUE(residency_.Want(others, now_).ok());
  residency_.OnLoaded(others, 1, now_);
  residency_.OnBatches(others, 1, now_);
  Consider();
  EXPECT_EQ(cold->loads, 1);
  EXPECT_EQ(warm->loads, 1);
}

TEST_F(ResidencyTest, AnotherPlaceIsLoadedWhenItWasMissedForLong) {
  FakePlace* first = AddReady(30, 1000);
  int other_lane = 0;
  FakePlace* second = Add(30, first->model, &other_lane);
  first->model->times.Add(1, 1);
  residency_.OnBatches(first, 1, now_);
  for (int i = 0; i < 42; ++i) {
    Job* job = Enqueue(first);  // none waits for long
    Consider();
    EXPECT_EQ(second->loads, i == 41 ? 1 : 0) << i;
    first->model->queue.Remove(job);
    now_ += milliseconds(50);
  }
}

TEST_F(ResidencyTest, APlaceThatDoesNotServeIsLoadedOnlyByName) {
  FakePlace* place = Add(30);
  residency_.Serve(place, false);
  Enqueue(place);
  Consider();
  EXPECT_EQ(place->loads, 0);
  EXPECT_TRUE(residency_.Want(place, now_).ok());
  EXPECT_EQ(place->loads, 1);
}

TEST_F(ResidencyTest, WhatCanNeverFitIsSaid) {
  FakePlace* kept = AddReady(60);
  kept->model->config.keep_alive = ModelConfig::kAlways;
  const Status status = residency_.Want(Add(50), now_);
  EXPECT_EQ(status.code(), Code::kResourceExhausted);
  EXPECT_NE(status.ToString().find("60 bytes of 100 bytes"), std::string::npos)
      << status.ToString();
}

TEST_F(ResidencyTest, NothingIsLoadedWhileTheLedgerIsClosed) {
  FakePlace* asked_for = Add(10);
  FakePlace* wanted = Add(10);
  ledger_.SetOpen(false);
  Enqueue(asked_for);
  EXPECT_TRUE(residency_.Want(wanted, now_).ok());
  EXPECT_EQ(Consider(), std::nullopt) << "who opens it says so";
  EXPECT_EQ(asked_for->loads + wanted->loads, 0);
  ledger_.SetOpen(true);
  Consider();
  EXPECT_EQ(asked_for->loads, 1);
  EXPECT_EQ(wanted->loads, 1);
}

TEST_F(ResidencyTest, WhatWaitsForRoomWhenItIsClosedIsPlannedAnew) {
  FakePlace* idle = AddReady(60, 1);
  now_ += seconds(60);
  FakePlace* wants = Add(60);
  Enqueue(wants);
  Consider();
  EXPECT_EQ(StateOf(wants), State::kAwaiting);
  ledger_.SetOpen(false);
  residency_.OnLost(idle);
  Consider();
  EXPECT_EQ(StateOf(wants), State::kUnloaded);
  ledger_.SetOpen(true);
  Consider();
  EXPECT_EQ(wants->loads, 1);
}

TEST_F(ResidencyTest, APlaceOnAClosedDeviceIsNoneThatAModelHas) {
  FakePlace* closed = AddReady(10);
  Ledger other(100);
  FakePlace& elsewhere = places_.emplace_back();
  elsewhere.model = closed->model;
  residency_.Add(&elsewhere, {closed->model.get(), &other, 10, &other});
  residency_.OnUnloaded(&elsewhere);
  residency_.Serve(&elsewhere, true);
  Enqueue(closed);
  Consider();
  EXPECT_EQ(elsewhere.loads, 0);
  ledger_.SetOpen(false);
  Consider();
  EXPECT_EQ(elsewhere.loads, 1);
  residency_.Remove(&elsewhere);
}

TEST_F(ResidencyTest, AFailedLoadGivesItsLeaseBackAndIsTriedAgain) {
  FakePlace* place = Add(60);
  Enqueue(place);
  Consider();
  residency_.OnFailed(place);
  EXPECT_EQ(ledger_.leased(), 0U);
  Consider();
  EXPECT_EQ(place->loads, 2);
}

TEST_F(ResidencyTest, WhatIsLostHoldsNothingAndCannotBeLoaded) {
  FakePlace* place = AddReady(60);
  residency_.OnLost(place);
  EXPECT_EQ(ledger_.leased(), 0U);
  Enqueue(place);
  Consider();
  EXPECT_EQ(place->loads, 1);
  residency_.OnUnloaded(place);
  Consider();
  EXPECT_EQ(place->loads, 2);
  residency_.Remove(place);
  EXPECT_EQ(ledger_.leased(), 0U);
}

}  // namespace
}  // namespace darkroom
