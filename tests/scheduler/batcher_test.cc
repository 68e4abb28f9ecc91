// SPDX-License-Identifier: Apache-2.0

#include "scheduler/batcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/scheduler/waiting_jobs.h"

namespace darkroom {
namespace {

using testing::ElementsAre;

// What the first line of the model's queue gives.
std::vector<Job*> Take(const std::shared_ptr<Model>& model) {
  const JobQueue::Line& line = model->queue.lines().front();
  return TakeBatch(model.get(), line, line.jobs.front(), model->contract->max_batch);
}

TEST(Batcher, TakesUpToTheMaximumInOrder) {
  WaitingJobs jobs;
  const auto model = jobs.MakeModel(2);
  Job* a = jobs.Enqueue(model);
  Job* b = jobs.Enqueue(model);
  Job* c = jobs.Enqueue(model);
  EXPECT_THAT(Take(model), ElementsAre(a, b));
  EXPECT_THAT(Take(model), ElementsAre(c));
}

TEST(Batcher, KeepsJobsOfAnotherKeyInTheirPlace) {
  WaitingJobs jobs;
  const auto model = jobs.MakeModel(8, {"scale"});
  Job* a = jobs.Enqueue(model, R"({"scale":2,"seed":1})");
  Job* b = jobs.Enqueue(model, R"({"scale":4})");
  Job* c = jobs.Enqueue(model, R"({"scale":2,"seed":2})");
  Job* d = jobs.Enqueue(model, R"({"scale":4})");
  EXPECT_THAT(Take(model), ElementsAre(a, c));
  EXPECT_THAT(Take(model), ElementsAre(b, d));
}

TEST(Batcher, ComparesInputsOfTheKeyByTheirBytes) {
  WaitingJobs jobs;
  const auto model = jobs.MakeModel(8, {"prompt"});
  const auto with = [&](const char* text) {
    Job* job = jobs.Enqueue(model);
    job->request.inputs.push_back({&model->info().inputs[0], "", AsBytes(text)});
    return job;
  };
  Job* a = with("cat");
  Job* b = with("dog");
  Job* c = with("cat");
  Job* d = jobs.Enqueue(model);
  EXPECT_THAT(Take(model), ElementsAre(a, c));
  EXPECT_THAT(Take(model), ElementsAre(b));
  EXPECT_THAT(Take(model), ElementsAre(d));
}

TEST(Batcher, AJobThatWasTriedBeforeRunsAlone) {
  WaitingJobs jobs;
  const auto model = jobs.MakeModel(8);
  Job* a = jobs.Enqueue(model);
  Job* b = jobs.Enqueue(model);
  Job* c = jobs.Enqueue(model);
  Job* d = jobs.Enqueue(model);
  a->attempts = 1;
  c->attempts = 1;
  EXPECT_THAT(Take(model), ElementsAre(a));
  EXPECT_THAT(Take(model), ElementsAre(b, d));
  EXPECT_THAT(Take(model), ElementsAre(c));
}

TEST(Batcher, FillsUpFromOtherLines) {
  WaitingJobs jobs;
  const auto model = jobs.MakeModel(4);
  Job* bulk = jobs.Enqueue(model, "{}", JobClass::kBulk);
  Job* theirs = jobs.Enqueue(model, "{}", JobClass::kInteractive, "theirs");
  Job* mine = jobs.Enqueue(model, "{}", JobClass::kInteractive, "mine");
  Job* later = jobs.Enqueue(model, "{}", JobClass::kInteractive, "theirs");
  Job* left = jobs.Enqueue(model, "{}", JobClass::kBulk);
  EXPECT_THAT(Take(model), ElementsAre(theirs, later, mine, bulk));
  EXPECT_THAT(Take(model), ElementsAre(left));
  EXPECT_TRUE(model->queue.empty());
}

TEST(Batcher, KeepsRequestsOfTwoGenerationsApart) {
  WaitingJobs jobs;
  const auto model = jobs.MakeModel(8);
  Job* a = jobs.Enqueue(model);
  auto upgraded = std::make_shared<ModelContract>();
  upgraded->max_batch = 8;
  model->contract = upgraded;
  Job* b = jobs.Enqueue(model);
  EXPECT_THAT(Take(model), ElementsAre(a));
  EXPECT_THAT(Take(model), ElementsAre(b));
}

}  // namespace
}  // namespace darkroom
