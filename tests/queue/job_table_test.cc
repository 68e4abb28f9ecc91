// SPDX-License-Identifier: Apache-2.0

#include "queue/job_table.h"

#include <gtest/gtest.h>

#include <random>

#include "queue/model.h"
#include "tests/message/messages.h"

namespace darkroom {
namespace {

std::unique_ptr<Job> MakeJob(uint64_t token, const std::string& body = "") {
  auto job = std::make_unique<Job>();
  job->token = token;
  job->model = std::make_shared<Model>(ModelConfig());
  job->request.message = MakeMessage(body);
  return job;
}

TEST(JobTable, FollowsAJobThroughItsStates) {
  JobTable jobs;
  ASSERT_TRUE(jobs.Add(MakeJob(1, "12345")));
  EXPECT_EQ(jobs.Count(JobState::kQueued), 1U);
  EXPECT_EQ(jobs.bytes(), 5U);
  jobs.Start(jobs.Find(1));
  EXPECT_EQ(jobs.Count(JobState::kRunning), 1U);
  EXPECT_EQ(jobs.Find(1)->attempts, 1U);
  jobs.GiveBack(jobs.Find(1), false);
  EXPECT_EQ(jobs.Find(1)->attempts, 0U);
  jobs.Start(jobs.Find(1));
  jobs.GiveBack(jobs.Find(1), true);
  jobs.Start(jobs.Find(1));
  const auto job = jobs.End(1, JobState::kSucceeded);
  ASSERT_NE(job, nullptr);
  EXPECT_EQ(job->state, JobState::kSucceeded);
  EXPECT_EQ(job->attempts, 2U);
  EXPECT_EQ(jobs.Count(JobState::kSucceeded), 1U);
  EXPECT_EQ(jobs.Count(JobState::kRunning), 0U);
  EXPECT_EQ(jobs.bytes(), 0U);
  EXPECT_EQ(jobs.Find(1), nullptr);
}

TEST(JobTable, KeepsStatesUpToALimitOfAllJobs) {
  JobTable jobs;
  ASSERT_TRUE(jobs.Add(MakeJob(1)));
  ASSERT_TRUE(jobs.Add(MakeJob(2)));
  const auto keep = [&](uint64_t token, uint32_t step, size_t bytes) {
    SavedState state;
    state.step = step;
    state.bytes = Buffer::Allocate(bytes);
    return jobs.KeepState(jobs.Find(token), std::move(state), 100);
  };
  EXPECT_TRUE(keep(1, 1, 60));
  EXPECT_TRUE(keep(1, 2, 60)) << "it is instead of the first";
  EXPECT_FALSE(keep(2, 1, 41));
  EXPECT_EQ(jobs.Find(2)->saved, nullptr);
  EXPECT_TRUE(keep(2, 1, 40));
  EXPECT_FALSE(keep(1, 3, 61));
  EXPECT_EQ(jobs.Find(1)->saved->step, 2U) << "what was kept stays";
  jobs.End(2, JobState::kSucceeded);
  EXPECT_TRUE(keep(1, 3, 100));
}

TEST(JobTable, EndsAJobOnce) {
  JobTable jobs;
  ASSERT_TRUE(jobs.Add(MakeJob(1)));
  EXPECT_NE(jobs.End(1, JobState::kCancelled), nullptr);
  EXPECT_EQ(jobs.End(1, JobState::kSucceeded), nullptr);
  EXPECT_EQ(jobs.Count(JobState::kCancelled), 1U);
  EXPECT_EQ(jobs.Count(JobState::kSucceeded), 0U);
}

TEST(JobTable, AJobThatIsDroppedHasNotEnded) {
  JobTable jobs;
  ASSERT_TRUE(jobs.Add(MakeJob(1, "12345")));
  bool empty = false;
  jobs.Close([&] { empty = true; });
  jobs.Drop(1);
  EXPECT_TRUE(empty);
  EXPECT_EQ(jobs.Find(1), nullptr);
  EXPECT_EQ(jobs.bytes(), 0U);
  EXPECT_EQ(jobs.Count(JobState::kQueued), 0U);
  EXPECT_EQ(jobs.End(1, JobState::kFailed), nullptr);
}

TEST(JobTable, ClosesWhenTheLastOneHasEnded) {
  JobTable jobs;
  ASSERT_TRUE(jobs.Add(MakeJob(1)));
  bool empty = false;
  jobs.Close([&] { empty = true; });
  EXPECT_FALSE(jobs.Add(MakeJob(2)));
  EXPECT_FALSE(empty);
  (void)jobs.End(1, JobState::kFailed);
  EXPECT_TRUE(empty);
}

// Whatever happens in whatever order, each job has one terminal state and the counts agree with
// what was seen.
TEST(JobTable, AgreesWithAModelUnderRandomEvents) {
  std::mt19937 random(7);
  JobTable jobs;
  std::map<uint64_t, JobState> model;
  uint64_t ended = 0;
  for (uint64_t step = 0; step < 20'000; ++step) {
    const uint64_t token = random() % 200;
    const auto known = model.find(token);
    switch (random() % 4) {
      case 0:
        if (known == model.end()) {
          ASSERT_TRUE(jobs.Add(MakeJob(token)));
          model[token] = JobState::kQueued;
        }
        break;
      case 1:
        if (known != model.end() && known->second == JobState::kQueued) {
          jobs.Start(jobs.Find(token));
          known->second = JobState::kRunning;
        }
        break;
      case 2:
        if (known != model.end() && known->second == JobState::kRunning) {
          jobs.GiveBack(jobs.Find(token), true);
          known->second = JobState::kQueued;
        }
        break;
      default:
        const auto state = static_cast<JobState>(2 + random() % 4);
        const auto job = jobs.End(token, state);
        ASSERT_EQ(job != nullptr, known != model.end());
        if (job != nullptr) {
          ASSERT_EQ(job->state, state);
          model.erase(known);
          ++ended;
        }
    }
    ASSERT_EQ(jobs.size(), model.size());
  }
  const uint64_t terminal = jobs.Count(JobState::kSucceeded) + jobs.Count(JobState::kFailed) +
                            jobs.Count(JobState::kCancelled) + jobs.Count(JobState::kExpired);
  EXPECT_EQ(terminal, ended);
  EXPECT_EQ(jobs.Count(JobState::kQueued) + jobs.Count(JobState::kRunning), model.size());
}

}  // namespace
}  // namespace darkroom
