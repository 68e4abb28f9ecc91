// SPDX-License-Identifier: Apache-2.0

#include "cli/exit_code.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace darkroom {
namespace {

ExitCode Remote(Code code) { return Failure::Remote({code, "why"}).exit_code; }

// docs/cli.md promises these numbers to scripts.
TEST(ExitCode, OfWhatADaemonAnswered) {
  EXPECT_EQ(static_cast<int>(Remote(Code::kInternal)), 1);
  EXPECT_EQ(static_cast<int>(Remote(Code::kInvalidArgument)), 1);
  EXPECT_EQ(static_cast<int>(Remote(Code::kCancelled)), 1);
  EXPECT_EQ(static_cast<int>(Remote(Code::kInstanceLost)), 1);
  EXPECT_EQ(static_cast<int>(Remote(Code::kNotFound)), 3);
  EXPECT_EQ(static_cast<int>(Remote(Code::kUnauthorized)), 4);
  EXPECT_EQ(static_cast<int>(Remote(Code::kDeadlineExceeded)), 6);
  EXPECT_EQ(static_cast<int>(Remote(Code::kBusy)), 7);
  EXPECT_EQ(static_cast<int>(Remote(Code::kTooLarge)), 7);
  EXPECT_EQ(static_cast<int>(Remote(Code::kFailedPrecondition)), 8);
}

TEST(ExitCode, OfWhatThisSideFound) {
  EXPECT_EQ(static_cast<int>(Failure::Local(Status::InvalidArgument("x")).exit_code), 2);
  EXPECT_EQ(static_cast<int>(Failure::Local(Status::NotFound("x")).exit_code), 3);
  EXPECT_EQ(static_cast<int>(Failure::Unreachable("x", "y").exit_code), 5);
  EXPECT_EQ(static_cast<int>(Failure::Interrupted("x").exit_code), 130);
}

TEST(Failure, SaysWhatWhyAndWhatNextSafely) {
  EXPECT_EQ(Failure::Local(Status::NotFound("no \x1b[31mmodel", "try another")).Text(),
            "darkroom: no  [31mmodel\n  try another\n");
  EXPECT_EQ(Failure::Local(Status::NotFound("no model")).Text(), "darkroom: no model\n");
}

TEST(Failure, HasStableFieldsInJson) {
  EXPECT_EQ(Failure::Remote({Code::kBusy, "full", "wait"}).ToJson(),
            (nlohmann::json{{"code", "busy"},
                            {"message", "full"},
                            {"hint", "wait"},
                            {"retryable", true},
                            {"exit_code", 7}}));
  EXPECT_EQ(Failure::Unreachable("gone", "").ToJson()["code"], "unreachable");
  EXPECT_EQ(Failure::Unreachable("gone", "").ToJson()["retryable"], true);
  EXPECT_EQ(Failure::Interrupted("stop").ToJson()["code"], "interrupted");
}

}  // namespace
}  // namespace darkroom
