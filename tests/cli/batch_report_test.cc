// SPDX-License-Identifier: Apache-2.0

#include "cli/batch_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

namespace darkroom {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

class BatchReportTest : public testing::Test {
 protected:
  BatchReportTest() {
    std::ofstream file(path_);
    for (int i = 0; i < 100; ++i) {
      file << json{{"id", "job-" + std::to_string(i)}, {"model", "m"}} << "\n";
    }
    file.close();
    file_ = *BatchFile::Open(path_, {});
  }
  ~BatchReportTest() override { std::remove(path_.c_str()); }

  const std::string path_ = testing::TempDir() +
                            testing::UnitTest::GetInstance()->current_test_info()->name() +
                            ".report.jsonl";
  std::unique_ptr<BatchFile> file_;
};

TEST_F(BatchReportTest, CountsAndNamesWhatFailed) {
  BatchTally tally(*file_);
  tally.OnPast({{"id", "job-0"}, {"state", "succeeded"}});
  tally.EndPast(false);
  for (int i = 1; i < 11; ++i) {
    tally.TakePending();
    tally.OnChange({{"id", "job-" + std::to_string(i)},
                    {"state", i == 3 ? "failed" : "succeeded"},
                    {"error", {{"code", "internal"}, {"message", "it broke"}}}});
  }
  const auto took = std::chrono::seconds(2);
  const std::string text = BatchText(tally, took, Terminal{});
  EXPECT_THAT(text, StartsWith("LINE  JOB    STATE   ERROR\n   4  job-3  failed  it broke\n\n"));
  EXPECT_THAT(text, HasSubstr(" 100         10       1          0        0    89       1  2.0 s  "
                              "   5.0\n"));
  const json object = BatchJson(tally, took);
  EXPECT_EQ(object.at("succeeded"), 10);
  EXPECT_EQ(object.at("pending"), 89);
  EXPECT_EQ(object.at("jobs_per_s"), 5.0);  // of those that ended now
  EXPECT_EQ(object.at("failures"),
            json::array({{{"line", 4},
                          {"job", "job-3"},
                          {"state", "failed"},
                          {"error", {{"code", "internal"}, {"message", "it broke"}}}}}));
}

TEST_F(BatchReportTest, APersonIsNotToldOfHundreds) {
  BatchTally tally(*file_);
  tally.EndPast(false);
  while (const auto line = tally.TakePending()) tally.Fail(*line, "not submitted", json::object());
  EXPECT_THAT(BatchText(tally, std::chrono::seconds(1), Terminal{}),
              HasSubstr("and 50 more; all of them: --json\n"));
  EXPECT_EQ(BatchJson(tally, std::chrono::seconds(1)).at("failures").size(), 100U);
}

}  // namespace
}  // namespace darkroom
