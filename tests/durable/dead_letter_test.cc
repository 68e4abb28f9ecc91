// SPDX-License-Identifier: Apache-2.0

#include "durable/dead_letter.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace darkroom {
namespace {

JobRecord Failed() {
  JobRecord record;
  record.id = "a1";
  record.model = "echo";
  record.job_class = "bulk";
  record.attempts = 3;
  record.history = {"first", "second"};
  record.error = Status(Code::kInstanceLost, "lost", "look");
  record.tags = {{"album", "42"}};
  return record;
}

TEST(DeadLetter, IsLeftWhereTheRequestIsNotAtFault) {
  for (const Code code : {Code::kInternal, Code::kInstanceLost, Code::kDeviceLost,
                          Code::kResourceExhausted, Code::kFailedPrecondition, Code::kBusy}) {
    EXPECT_TRUE(LeavesDeadLetter(code)) << CodeName(code);
  }
  for (const Code code :
       {Code::kOk, Code::kCancelled, Code::kInvalidArgument, Code::kDeadlineExceeded,
        Code::kNotFound, Code::kUnimplemented, Code::kTooLarge, Code::kUnauthorized}) {
    EXPECT_FALSE(LeavesDeadLetter(code)) << CodeName(code);
  }
}

TEST(DeadLetter, SaysWhatHappened) {
  const auto report = nlohmann::json::parse(DeadLetterReport(Failed(), {"line"}));
  EXPECT_EQ(report["id"], "a1");
  EXPECT_EQ(report["history"], nlohmann::json({"first", "second"}));
  EXPECT_EQ(report["log"], nlohmann::json({"line"}));
  EXPECT_EQ(report["error"]["code"], "instance_lost");
  EXPECT_FALSE(report.contains("tags"));
}

// A stream takes headers of 60,000 bytes in all.
TEST(DeadLetter, FitsIntoAHeader) {
  JobRecord record = Failed();
  const std::string hostile(100'000, '\x01');
  record.history.assign(100, hostile);
  record.error = Status(Code::kInternal, hostile, hostile);
  const std::string report =
      DeadLetterReport(record, std::vector<std::string>(100, std::string(100'000, '"')));
  EXPECT_LT(report.size(), 50'000U);
  EXPECT_EQ(report.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace darkroom
