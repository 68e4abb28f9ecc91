// SPDX-License-Identifier: Apache-2.0
//
// What the host does when a plugin breaks the ABI's rules: the right words in the log, the right
// end for the job, and the instance goes on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/host/open_plugin.h"

namespace darkroom::host {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class MisbehaviourTest : public ::testing::Test {
 protected:
  std::unique_ptr<Instance> Loaded(const std::string& rule = "none") {
    EXPECT_TRUE(host_.Open(ROGUE_PLUGIN).ok()) << host_.status.ToString();
    Result<std::unique_ptr<Instance>> created =
        host_.plugin->Create({"model", "{\"rule\":\"" + rule + "\"}", {1, 0, 4}}, &events_);
    EXPECT_TRUE(created.ok()) << created.status().ToString();
    (*created)->Load(kNoMemoryLimit);
    EXPECT_TRUE(events_.TakeLoaded().ok());
    return *std::move(created);
  }

  Recorder events_;
  OpenHost host_;
};

struct Rule {
  const char* name;
  Code code;          // the job's end
  const char* words;  // in its message
  const char* log;    // "" if nothing is to be logged
};

class JobRuleTest : public MisbehaviourTest, public ::testing::WithParamInterface<Rule> {};

TEST_P(JobRuleTest, EndsTheJobWithTheRightWordsAndGoesOn) {
  const Rule& rule = GetParam();
  const std::unique_ptr<Instance> instance = Loaded();
  instance->Run(Batch(MakeJob(1, "none"), MakeJob(2, rule.name)));
  EXPECT_TRUE(events_.TakeResult(1).status.ok());
  const JobResult result = events_.TakeResult(2);
  EXPECT_EQ(result.status.code(), rule.code) << result.status.ToString();
  EXPECT_THAT(result.status.message(), HasSubstr(rule.words));
  EXPECT_EQ(result.outputs.empty(), !result.status.ok());
  ASSERT_TRUE(events_.AwaitBatches(1));
  if (std::string(rule.log).empty()) {
    EXPECT_THAT(events_.logs(), IsEmpty());
  } else {
    EXPECT_THAT(events_.logs(),
                Contains(HasSubstr(std::string("plugin misbehaved: rogue ") + rule.log)));
  }
  instance->Run(Batch(MakeJob(3, "none")));
  EXPECT_TRUE(events_.TakeResult(3).status.ok());
  EXPECT_THAT(events_.doubled(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Rules, JobRuleTest,
    ::testing::Values(
        Rule{"finishes_twice", Code::kOk, "", "called finish() on a job that has ended: job-2"},
        Rule{"finishes_foreign_job", Code::kOk, "",
             "called finish() with a job that it was not given"},
        Rule{"never_finishes", Code::kInternal, "without its output \"data\"",
             "ended a job well without its output \"data\""},
        Rule{"leaves_open", Code::kOk, "", ""},
        Rule{"leaves_open_failed", Code::kResourceExhausted, "the device is full", ""},
        Rule{"fails_with_words", Code::kInvalidArgument, "the picture shows a wall", ""},
        Rule{"sticky_error", Code::kDeviceLost, "CUDA error: unspecified launch failure", ""},
        Rule{"error_without_words", Code::kResourceExhausted, "finish failed without words",
             "gave resource_exhausted by finish without words"},
        Rule{"unknown_status", Code::kInternal, "the unknown status 77",
             "gave the unknown status 77 by finish"},
        Rule{"throws", Code::kInternal, "let an exception out of infer: out of ideas",
             "let an exception out of infer: out of ideas"},
        Rule{"throws_number", Code::kInternal, "of a type that is no std::exception",
             "let an exception out of infer"},
        Rule{"output_twice", Code::kInternal,
             "plugin misbehaved: rogue gave the output \"data\" twice",
             "gave the output \"data\" twice"},
        Rule{"output_unknown", Code::kInternal, "which its manifest does not name",
             "gave an output \"picture\""},
        Rule{"wrong_dtype", Code::kInternal, "as float32, it must be uint8",
             "gave the output \"data\" as float32"},
        Rule{"negative_shape", Code::kInternal, "negative", "a length of a tensor is negative"},
        Rule{"huge_output", Code::kResourceExhausted, "exceeds the limit", ""},
        Rule{"wrong_lane_thread", Code::kInternal, "on a thread that is not its lane",
             "called output() on a thread that is not its lane"},
        Rule{"output_null", Code::kInternal, "null pointer", "called output() with a null pointer"},
        Rule{"progress_odd", Code::kOk, "",
             "called progress() with a fraction that is not a number"},
        Rule{"preview_of_floats", Code::kInternal, "gave a preview of float32, it must be uint8",
             "gave a preview of float32"},
        Rule{"preview_too_large", Code::kInternal, "of the shape [513, 8, 1]",
             "gave a preview of the shape [513, 8, 1]"},
        Rule{"preview_null", Code::kInternal, "called show() with a null pointer",
             "called show() with a null pointer"},
        Rule{"preview_on_thread", Code::kInternal, "called show() on a thread that is not its lane",
             "called show() on a thread that is not its lane"},
        Rule{"preview_after_end", Code::kOk, "", "called show() on a job that has ended: job-2"},
        Rule{"defines_metric_late", Code::kOk, "",
             "called metric_define() outside entry and create"},
        Rule{"loses_instance", Code::kInstanceLost, "the weights are gone", ""}),
    [](const auto& rule) { return std::string(rule.param.name); });

TEST_F(MisbehaviourTest, RecognisesAJobOfTheLastBatch) {
  const std::unique_ptr<Instance> instance = Loaded();
  instance->Run(Batch(MakeJob(1, "keeps_job_pointer")));
  instance->Run(Batch(MakeJob(2, "keeps_job_pointer")));
  EXPECT_TRUE(events_.TakeResult(1).status.ok());
  EXPECT_TRUE(events_.TakeResult(2).status.ok());
  ASSERT_TRUE(events_.AwaitBatches(2));
  EXPECT_THAT(events_.logs(),
              Contains("plugin misbehaved: rogue called finish() on a job that has ended: job-1"));
}

TEST_F(MisbehaviourTest, ClampsProgress) {
  const std::unique_ptr<Instance> instance = Loaded();
  instance->Run(Batch(MakeJob(1, "progress_odd")));
  EXPECT_TRUE(events_.TakeResult(1).status.ok());
  const auto steps = events_.progress();
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(steps[0].fraction, 1.0);
  EXPECT_EQ(steps[0].stage, "");
}

TEST_F(MisbehaviourTest, RefusesOutputAndFinishOutsideInfer) {
  const std::unique_ptr<Instance> instance = Loaded("output_outside_infer");
  EXPECT_THAT(events_.logs(), Contains("plugin misbehaved: rogue called output() outside infer"));
  EXPECT_THAT(events_.logs(), Contains("plugin misbehaved: rogue called finish() outside infer"));
}

TEST_F(MisbehaviourTest, RefusesPreviewsOutsideInfer) {
  const std::unique_ptr<Instance> instance = Loaded("preview_outside_infer");
  EXPECT_THAT(events_.logs(), Contains("plugin misbehaved: rogue called show() outside infer"));
  EXPECT_THAT(events_.TakePreviews(), IsEmpty());
}

TEST_F(MisbehaviourTest, RefusesLeasesOnAnotherThread) {
  const std::unique_ptr<Instance> instance = Loaded("reserve_on_thread");
  EXPECT_THAT(
      events_.logs(),
      Contains("plugin misbehaved: rogue called reserve() on a thread that is not its lane"));
}

struct Table {
  const char* path;
  Code code;
  const char* words;
};

class TableTest : public ::testing::TestWithParam<Table> {};

TEST_P(TableTest, IsRefusedWithItsReason) {
  OpenHost host;
  const Status status = host.Open(GetParam().path);
  EXPECT_EQ(status.code(), GetParam().code) << status.ToString();
  EXPECT_THAT(status.message(), HasSubstr(GetParam().words));
}

INSTANTIATE_TEST_SUITE_P(
    Tables, TableTest,
    ::testing::Values(
        Table{BAD_TABLE_0, Code::kFailedPrecondition, "refuses: no licence"},
        Table{BAD_TABLE_1, Code::kFailedPrecondition, "gave a table of ABI 2, this host has 1"},
        Table{BAD_TABLE_2, Code::kFailedPrecondition, "gave a table that is too short"},
        Table{BAD_TABLE_3, Code::kFailedPrecondition, "left the required slot infer empty"},
        Table{BAD_EXTENSIONS_0, Code::kFailedPrecondition,
              "does not have the extension darkroom.stepwise/1 that its manifest names"},
        Table{BAD_EXTENSIONS_1, Code::kFailedPrecondition,
              "left a slot of darkroom.stepwise/1 empty"},
        Table{BAD_EXTENSIONS_2, Code::kFailedPrecondition,
              "does not have the extension darkroom.checkpoint/1 that its manifest names"},
        Table{BAD_EXTENSIONS_3, Code::kFailedPrecondition,
              "left a slot of darkroom.checkpoint/1 empty"},
        Table{BAD_TABLE_4, Code::kInternal, "let an exception out of entry: broke in entry"}));

TEST(HostTest, TellsWhatTheLoaderSaid) {
  OpenHost host;
  const auto opened = host.library->host().Open(
      "/nowhere/x.so",
      R"({"id": "x", "version": "1", "outputs": [{"name": "a", "kind": "text"}]})");
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.status().message(),
            "cannot open the plugin /nowhere/x.so: /nowhere/x.so: cannot open shared object file: "
            "No such file or directory");
  EXPECT_FALSE(host.library->host().Open(ROGUE_PLUGIN, "{}").ok());
}

}  // namespace
}  // namespace darkroom::host
