// SPDX-License-Identifier: Apache-2.0

#include "queue/job_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace darkroom {
namespace {

using testing::ElementsAre;

class JobQueueTest : public testing::Test {
 protected:
  Job* Make(JobClass job_class, const char* tenant, int due) {
    auto job = std::make_unique<Job>();
    job->token = jobs_.size() + 1;
    job->job_class = job_class;
    job->tenant = tenants_.For(tenant);
    job->deadline = Job::Clock::time_point(std::chrono::seconds(due));
    jobs_.push_back(std::move(job));
    return jobs_.back().get();
  }
  Job* Push(JobClass job_class, const char* tenant, int due) {
    Job* job = Make(job_class, tenant, due);
    queue_.Push(job);
    return job;
  }

  TenantTable tenants_;
  std::vector<std::unique_ptr<Job>> jobs_;
  JobQueue queue_{100};
};

TEST_F(JobQueueTest, KeepsALineForEachClassAndTenant) {
  Job* bulk = Push(JobClass::kBulk, "a", 1);
  Job* late = Push(JobClass::kInteractive, "a", 9);
  Job* soon = Push(JobClass::kInteractive, "a", 3);
  Job* other = Push(JobClass::kInteractive, "b", 1);
  Job* same = Push(JobClass::kInteractive, "a", 3);
  ASSERT_EQ(queue_.lines().size(), 3U);
  EXPECT_THAT(queue_.lines()[0].jobs, ElementsAre(soon, same, late));
  EXPECT_THAT(queue_.lines()[1].jobs, ElementsAre(other));
  EXPECT_THAT(queue_.lines()[2].jobs, ElementsAre(bulk));
  EXPECT_EQ(queue_.Oldest(), bulk);
  EXPECT_EQ(queue_.size(), 5U);
  EXPECT_EQ(queue_.size(JobClass::kInteractive), 4U);
  EXPECT_EQ(queue_.size(JobClass::kBulk), 1U);
}

TEST_F(JobQueueTest, WhatComesBackIsWhereItWas) {
  Job* a = Push(JobClass::kNormal, "", 5);
  Job* b = Push(JobClass::kNormal, "", 5);
  queue_.Remove(a);
  Job* c = Push(JobClass::kNormal, "", 5);
  queue_.PutBack(a);
  EXPECT_THAT(queue_.lines()[0].jobs, ElementsAre(a, b, c));
}

TEST_F(JobQueueTest, AnyOrderOfComingAndGoingLeavesNothing) {
  std::mt19937 random(7);
  const char* tenants[] = {"", "a", "b"};
  std::vector<Job*> here;
  for (int step = 0; step < 5000; ++step) {
    if (here.empty() || (!queue_.full() && random() % 2 == 0)) {
      here.push_back(Push(static_cast<JobClass>(random() % 3), tenants[random() % 3],
                          static_cast<int>(random() % 5)));
    } else {
      const size_t index = random() % here.size();
      queue_.Remove(here[index]);
      here.erase(here.begin() + static_cast<std::ptrdiff_t>(index));
    }
    ASSERT_EQ(queue_.size(), here.size());
    size_t seen = 0;
    for (const JobQueue::Line& line : queue_.lines()) {
      ASSERT_FALSE(line.jobs.empty());
      ASSERT_TRUE(
          std::is_sorted(line.jobs.begin(), line.jobs.end(),
                         [](const Job* a, const Job* b) { return a->deadline < b->deadline; }));
      seen += line.jobs.size();
    }
    ASSERT_EQ(seen, here.size());
  }
  while (!here.empty()) {
    queue_.Remove(here.back());
    here.pop_back();
  }
  EXPECT_TRUE(queue_.empty());
  EXPECT_TRUE(queue_.lines().empty());
  EXPECT_EQ(queue_.bytes(), 0U);
}

}  // namespace
}  // namespace darkroom
