// SPDX-License-Identifier: Apache-2.0

#include "cli/batch_tally.h"

#include <gtest/gtest.h>

#include <fstream>

namespace darkroom {
namespace {

using nlohmann::json;

class BatchTallyTest : public testing::Test {
 protected:
  BatchTallyTest() {
    path_ = testing::TempDir() + "batch_tally_test.jsonl";
    std::ofstream(path_) << R"({"id": "a", "model": "m"})"
                         << "\n\n"
                         << R"({"id": "b", "model": "m"})"
                         << "\r\n"
                         << R"({"id": "c", "model": "m"})";
    Result<std::unique_ptr<BatchFile>> file = BatchFile::Open(path_, {});
    EXPECT_TRUE(file.ok()) << file.status().ToString();
    file_ = *std::move(file);
  }
  ~BatchTallyTest() override { std::remove(path_.c_str()); }

  static json State(const char* id, const char* state) {
    json document = {{"id", id}, {"state", state}};
    if (std::string(state) == "failed") {
      document["error"] = {{"code", "internal"}, {"message", "no"}};
    }
    return document;
  }

  std::string path_;
  std::unique_ptr<BatchFile> file_;
};

TEST_F(BatchTallyTest, LinesAreSubmittedInOrderAndEnd) {
  BatchTally tally(*file_);
  tally.EndPast(false);
  EXPECT_EQ(tally.TakePending(), 0U);
  EXPECT_EQ(tally.TakePending(), 1U);
  EXPECT_EQ(tally.unfinished(), 2U);
  EXPECT_FALSE(tally.OnChange(State("b", "running")));
  EXPECT_FALSE(tally.OnChange(State("another", "succeeded")));
  EXPECT_EQ(tally.OnChange(State("b", "failed")), 1U);
  EXPECT_FALSE(tally.OnChange(State("b", "succeeded")));  // what ended stays so
  EXPECT_EQ(tally.OnChange(State("a", "succeeded")), 0U);
  EXPECT_EQ(tally.TakePending(), 2U);
  EXPECT_FALSE(tally.TakePending());
  EXPECT_EQ(tally.OnChange(State("c", "expired")), 2U);
  EXPECT_EQ(tally.ended(), 3U);
  EXPECT_EQ(tally.Count(LineState::kSucceeded), 1U);
  const std::vector<LineFailure> failures = tally.failures();
  ASSERT_EQ(failures.size(), 2U);
  EXPECT_EQ(failures[0].number, 3U);  // an empty line is one, too
  EXPECT_EQ(failures[0].error.at("message"), "no");
  EXPECT_EQ(failures[1].state, "expired");
}

TEST_F(BatchTallyTest, WhatEndedBeforeIsNotSubmittedAgain) {
  BatchTally tally(*file_);
  tally.OnPast(State("a", "running"));
  tally.OnPast(State("a", "succeeded"));
  tally.OnPast(State("b", "running"));
  tally.OnPast(State("c", "failed"));
  tally.EndPast(false);
  EXPECT_FALSE(tally.TakePending());
  EXPECT_EQ(tally.before(), 2U);
  EXPECT_EQ(tally.unfinished(), 1U);
  EXPECT_EQ(tally.SucceededBefore(), (std::vector<size_t>{0}));
  EXPECT_EQ(tally.OnChange(State("b", "succeeded")), 1U);
  EXPECT_EQ(tally.failures().size(), 1U);
}

TEST_F(BatchTallyTest, AFailedOneIsRetriedUnderAnotherName) {
  BatchTally tally(*file_);
  tally.OnPast(State("a-r1", "failed"));  // its retry is heard of first
  tally.OnPast(State("a", "failed"));
  tally.OnPast(State("b", "succeeded"));
  tally.EndPast(true);
  EXPECT_EQ(tally.TakePending(), 0U);
  EXPECT_EQ(tally.JobOf(0), "a-r2");
  EXPECT_TRUE(tally.failures().empty());
  EXPECT_FALSE(tally.OnChange(State("a-r1", "failed")));
  EXPECT_EQ(tally.OnChange(State("a-r2", "succeeded")), 0U);
}

TEST_F(BatchTallyTest, AnotherMayRunTheSameFile) {
  BatchTally tally(*file_);
  tally.EndPast(false);
  EXPECT_FALSE(tally.OnChange(State("a", "running")));
  EXPECT_EQ(tally.OnChange(State("b", "succeeded")), 1U);
  EXPECT_EQ(tally.TakePending(), 2U);
  EXPECT_EQ(tally.OnChange(State("a", "succeeded")), 0U);
}

TEST_F(BatchTallyTest, TheNewestRetryCounts) {
  BatchTally tally(*file_);
  tally.OnPast(State("a", "failed"));
  tally.OnPast(State("a-r1", "succeeded"));
  tally.EndPast(false);
  EXPECT_EQ(tally.StateOf(0), LineState::kSucceeded);
  EXPECT_EQ(tally.JobOf(0), "a-r1");
  EXPECT_TRUE(tally.failures().empty());
}

TEST_F(BatchTallyTest, ALineMayFailByItself) {
  BatchTally tally(*file_);
  tally.EndPast(false);
  ASSERT_EQ(tally.TakePending(), 0U);
  tally.Fail(0, "not submitted", {{"message", "too large"}});
  EXPECT_EQ(tally.unfinished(), 0U);
  EXPECT_EQ(tally.failures()[0].state, "not submitted");
}

}  // namespace
}  // namespace darkroom
