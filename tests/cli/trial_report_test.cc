// SPDX-License-Identifier: Apache-2.0

#include "cli/trial_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace darkroom {
namespace {

using testing::HasSubstr;

const Terminal kPipe;

TrialReport Sound() {
  TrialReport report;
  report.device = "cpu";
  report.steps = {{"open", StepResult::kOk, 3.25, ""},
                  {"job: data 0 bytes", StepResult::kRefused, 0.5, "there is\x1b nothing in it"},
                  {"close", StepResult::kOk, 1, "its file is unmapped"}};
  report.log = {{"info", "ready"}};
  report.mapped = false;
  report.peak_memory = uint64_t{5} << 20;
  return report;
}

TEST(TrialReport, APluginMayRefuseAnInput) {
  const TrialReport report = Sound();
  EXPECT_EQ(report.outcome(), TrialOutcome::kSound);
  const std::string text = TrialText(report, kPipe);
  for (const char* words :
       {"tried on cpu", "had 5 MiB", "job: data 0 bytes  refused  0.5 ms  there is  nothing in it",
        "log: info     ready", "sound: "}) {
    EXPECT_THAT(text, HasSubstr(words));
  }
  const nlohmann::json json = TrialJson(report);
  EXPECT_EQ(json["outcome"], "sound");
  EXPECT_EQ(json["why"], "");
  EXPECT_EQ(json["mapped"], false);
  EXPECT_EQ(json["steps"][1]["result"], "refused");
  EXPECT_EQ(json["log"][0]["text"], "ready");
}

TEST(TrialReport, AFailedStepIsUnsound) {
  TrialReport report = Sound();
  report.mapped.reset();
  report.steps.push_back({"load", StepResult::kFailed, 1, "no"});
  EXPECT_EQ(report.outcome(), TrialOutcome::kUnsound);
  EXPECT_EQ(report.Why(), "load: no");
  EXPECT_TRUE(TrialJson(report)["mapped"].is_null());
  EXPECT_THAT(TrialText(report, kPipe), HasSubstr("\nunsound\n"));
}

TEST(TrialReport, MisbehaviourIsUnsoundWhateverTheJobsSay) {
  TrialReport report = Sound();
  report.misbehaved = {"echo left 1 thread behind"};
  EXPECT_EQ(report.outcome(), TrialOutcome::kUnsound);
  EXPECT_EQ(report.Why(), "plugin misbehaved: echo left 1 thread behind");
  EXPECT_THAT(TrialText(report, kPipe), HasSubstr("  plugin misbehaved: echo left"));
}

TEST(TrialReport, WithoutWeightsItIsNotRun) {
  TrialReport report = Sound();
  report.steps.push_back({"load", StepResult::kNotRun, 1, "there are no weights"});
  EXPECT_EQ(report.outcome(), TrialOutcome::kNotRun);
  EXPECT_THAT(TrialText(report, kPipe), HasSubstr("not run: there are no weights\n"));
  EXPECT_TRUE(LacksWeights(Status::FailedPrecondition("The Weights are missing")));
  EXPECT_TRUE(LacksWeights(Status::NotFound("no such file")));
  EXPECT_FALSE(LacksWeights(Status::InvalidArgument("unknown option 'x'")));
}

TEST(TrialReport, ALongLogIsCut) {
  TrialReport report = Sound();
  report.log.assign(30, {"info", "again"});
  report.log_dropped = 5;
  EXPECT_THAT(TrialText(report, kPipe), HasSubstr("log: 15 more lines\n"));
}

TEST(TrialReport, WhatAJobsEndMeans) {
  EXPECT_EQ(JobResultOf(Status::Ok()), StepResult::kOk);
  EXPECT_EQ(JobResultOf(Status::InvalidArgument("x")), StepResult::kRefused);
  EXPECT_EQ(JobResultOf({Code::kUnimplemented, "x"}), StepResult::kRefused);
  EXPECT_EQ(JobResultOf({Code::kTooLarge, "x"}), StepResult::kRefused);
  for (const Code code : {Code::kInternal, Code::kInstanceLost, Code::kResourceExhausted,
                          Code::kCancelled, Code::kDeadlineExceeded, Code::kNotFound}) {
    EXPECT_EQ(JobResultOf({code, "x"}), StepResult::kFailed);
  }
}

}  // namespace
}  // namespace darkroom
