// SPDX-License-Identifier: Apache-2.0

#include "cli/submit_options.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

Result<SubmitOptions> Check(const SubmitArguments& arguments) {
  return CheckSubmitArguments(arguments, "darkroom", Terminal{}, false);
}

SubmitArguments Arguments() {
  SubmitArguments arguments;
  arguments.request->model = "echo";
  return arguments;
}

TEST(SubmitOptions, HaveWhatAJobNeeds) {
  SubmitArguments arguments = Arguments();
  arguments.request->job = "a1";
  arguments.tags = {"album=42"};
  arguments.reply_to = "letters.answers";
  const Result<SubmitOptions> options = Check(arguments);
  ASSERT_TRUE(options.ok()) << options.status().ToString();
  EXPECT_EQ(options->job.id, "a1");
  EXPECT_EQ(options->job.model, "echo");
  EXPECT_EQ(options->job.job_class, "normal");
  EXPECT_EQ(options->job.reply_to, "letters.answers");
  EXPECT_EQ(options->job.tags, (Tags{{"album", "42"}}));
}

TEST(SubmitOptions, ADeadlineIsTheJobsAndNotTheWaits) {
  SubmitArguments arguments = Arguments();
  arguments.request->deadline = "10m";
  arguments.wait = true;
  Result<SubmitOptions> options = Check(arguments);
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->request.deadline, std::chrono::minutes(10));
  EXPECT_FALSE(options->request.timeout);
  arguments.timeout = "1m";
  options = Check(arguments);
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->request.timeout, std::chrono::minutes(1));
}

TEST(SubmitOptions, WhatNeedsToWaitSaysSo) {
  SubmitArguments arguments = Arguments();
  arguments.request->output = "out.png";
  EXPECT_FALSE(Check(arguments).ok());
  arguments.wait = true;
  EXPECT_TRUE(Check(arguments).ok());
  arguments = Arguments();
  arguments.timeout = "1m";
  EXPECT_FALSE(Check(arguments).ok());
}

TEST(SubmitOptions, WhatIsWrongIsAnError) {
  for (const auto& spoil : std::vector<void (*)(SubmitArguments&)>{
           [](SubmitArguments& a) { a.job_class = "urgent"; },
           [](SubmitArguments& a) { a.tags = {"album"}; },
           [](SubmitArguments& a) { a.reply_to = "a.*"; },
           [](SubmitArguments& a) { a.request->job = "a.b"; },
           [](SubmitArguments& a) { a.request->model = "a.b"; }}) {
    SubmitArguments arguments = Arguments();
    spoil(arguments);
    EXPECT_FALSE(Check(arguments).ok());
  }
}

}  // namespace
}  // namespace darkroom
