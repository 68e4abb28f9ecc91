// SPDX-License-Identifier: Apache-2.0
//
// ResidencyTest is one device of a hundred bytes with models that can be loaded there, whose places
// write down what they are told. One thread, and time stands still unless a test moves it.

#ifndef DARKROOM_TESTS_DEVICE_RESIDENCY_FIXTURE_H_
#define DARKROOM_TESTS_DEVICE_RESIDENCY_FIXTURE_H_

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <memory>
#include <string>

#include "device/residency.h"
#include "tests/scheduler/waiting_jobs.h"

namespace darkroom {

struct FakePlace : Place {
  bool IsCold() const override { return cold; }
  void Load() override { ++loads; }
  void Leave() override { ++leaves; }

  std::shared_ptr<Model> model;
  bool cold = false;
  int loads = 0;
  int leaves = 0;
};

class ResidencyTest : public testing::Test {
 protected:
  // A model's place on the device, made and serving.
  FakePlace* Add(uint64_t bytes, std::shared_ptr<Model> model = nullptr,
                 const void* lane = nullptr) {
    FakePlace& place = places_.emplace_back();
    place.model = model != nullptr ? model : jobs_.MakeModel(1);
    residency_.Add(&place, {place.model.get(), &ledger_, bytes, lane});
    residency_.OnUnloaded(&place);
    residency_.Serve(&place, true);
    return &place;
  }
  // Loaded, as it is when somebody asked for it.
  FakePlace* AddReady(uint64_t bytes, double load_ms = 1000) {
    FakePlace* place = Add(bytes);
    EXPECT_TRUE(residency_.Want(place, now_).ok());
    residency_.OnLoaded(place, load_ms, now_);
    return place;
  }
  Job* Enqueue(FakePlace* place, JobClass job_class = JobClass::kNormal) {
    Job* job = jobs_.Enqueue(place->model, "{}", job_class);
    job->accepted = now_;
    return job;
  }
  void RunOne(FakePlace* place) {
    residency_.OnBatches(place, 1, now_);
    residency_.OnBatches(place, 0, now_);
  }
  // What it is answered at once; "" if it is not. Later answers are in `answer_`.
  std::string Extend(FakePlace* place, uint64_t bytes) {
    answer_.clear();
    residency_.Extend(place, bytes, now_,
                      [this](const Status& status) { answer_ = CodeName(status.code()); });
    return answer_;
  }
  auto Consider() { return residency_.Consider(now_); }
  Residency::State StateOf(FakePlace* place) { return residency_.Look(place).state; }

  WaitingJobs jobs_;
  Ledger ledger_{100};
  Residency residency_{std::chrono::seconds(10)};
  std::deque<FakePlace> places_;
  std::string answer_;
  Residency::Time now_{std::chrono::hours(1)};
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_DEVICE_RESIDENCY_FIXTURE_H_
