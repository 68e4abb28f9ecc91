// SPDX-License-Identifier: Apache-2.0

#include "cli/job_filter.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

using nlohmann::json;

const json kJob = {{"id", "a"},
                   {"state", "failed"},
                   {"model", "echo"},
                   {"class", "bulk"},
                   {"tags", {{"album", "42"}, {"owner", "me"}}}};

JobFilter Make(const JobFilterArguments& arguments) {
  const Result<JobFilter> filter = JobFilter::Make(arguments, WallTime());
  EXPECT_TRUE(filter.ok()) << filter.status().ToString();
  return *filter;
}

TEST(JobFilter, AllThatIsSaidMustFit) {
  EXPECT_TRUE(Make({}).Matches(kJob));
  EXPECT_TRUE(Make({"failed", "echo", "bulk", {"album=42", "owner=me"}, "1h"}).Matches(kJob));
  EXPECT_FALSE(Make({"running", "", "", {}, ""}).Matches(kJob));
  EXPECT_FALSE(Make({"", "mock", "", {}, ""}).Matches(kJob));
  EXPECT_FALSE(Make({"", "", "normal", {}, ""}).Matches(kJob));
  EXPECT_FALSE(Make({"", "", "", {"album=43"}, ""}).Matches(kJob));
  EXPECT_FALSE(Make({"", "", "", {"album=42", "place=here"}, ""}).Matches(kJob));
}

TEST(JobFilter, SinceIsAPointInTime) {
  const WallTime now = WallTime(std::chrono::hours(1000));
  const Result<JobFilter> filter = JobFilter::Make({"", "", "", {}, "2d"}, now);
  ASSERT_TRUE(filter.ok());
  EXPECT_EQ(filter->since, now - std::chrono::hours(48));
}

TEST(JobFilter, WhatDoesNotExistIsAnError) {
  EXPECT_FALSE(JobFilter::Make({"lost", "", "", {}, ""}, WallTime()).ok());
  EXPECT_FALSE(JobFilter::Make({"", "", "urgent", {}, ""}, WallTime()).ok());
  EXPECT_FALSE(JobFilter::Make({"", "", "", {"album"}, ""}, WallTime()).ok());
  EXPECT_FALSE(JobFilter::Make({"", "", "", {}, "yesterday"}, WallTime()).ok());
}

}  // namespace
}  // namespace darkroom
