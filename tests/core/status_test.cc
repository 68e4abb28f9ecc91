// SPDX-License-Identifier: Apache-2.0

#include "core/status.h"

#include <darkroom/plugin.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <regex>
#include <string>

namespace darkroom {
namespace {

TEST(Status, IsOkWithoutWords) {
  const Status status;
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.ToString(), "ok");
  EXPECT_TRUE(status.Annotated("reading").ok());
}

TEST(Status, KeepsCodeMessageAndHint) {
  const Status status = Status::NotFound("no weights", "run scripts/fetch-models");
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_EQ(status.ToString(), "not_found: no weights (run scripts/fetch-models)");
  EXPECT_EQ(status.Annotated("model 'a'").ToString(),
            "not_found: model 'a': no weights (run scripts/fetch-models)");
}

TEST(Status, HasTheNumbersOfTheAbi) {
  EXPECT_EQ(CodeFromAbi(DR_OK), Code::kOk);
  EXPECT_EQ(CodeFromAbi(DR_CANCELLED), Code::kCancelled);
  EXPECT_EQ(CodeFromAbi(DR_INVALID_ARGUMENT), Code::kInvalidArgument);
  EXPECT_EQ(CodeFromAbi(DR_DEADLINE_EXCEEDED), Code::kDeadlineExceeded);
  EXPECT_EQ(CodeFromAbi(DR_NOT_FOUND), Code::kNotFound);
  EXPECT_EQ(CodeFromAbi(DR_RESOURCE_EXHAUSTED), Code::kResourceExhausted);
  EXPECT_EQ(CodeFromAbi(DR_FAILED_PRECONDITION), Code::kFailedPrecondition);
  EXPECT_EQ(CodeFromAbi(DR_UNIMPLEMENTED), Code::kUnimplemented);
  EXPECT_EQ(CodeFromAbi(DR_INTERNAL), Code::kInternal);
  EXPECT_EQ(CodeFromAbi(DR_INSTANCE_LOST), Code::kInstanceLost);
  EXPECT_EQ(CodeFromAbi(DR_DEVICE_LOST), Code::kDeviceLost);
}

TEST(Status, TakesAnUnknownAbiNumberForABug) {
  EXPECT_EQ(CodeFromAbi(-1), Code::kInternal);
  EXPECT_EQ(CodeFromAbi(11), Code::kInternal);
  EXPECT_EQ(CodeFromAbi(32), Code::kInternal);  // ours, and not a plugin's to give
}

// The table that clients read is the table that we use.
TEST(Status, AgreesWithTheProtocolPage) {
  std::ifstream page(DARKROOM_SOURCE_DIR "/docs/protocol.md");
  ASSERT_TRUE(page);
  const std::regex row(R"(^\| `([a-z_]+)` \| (\d{3}) \| (yes|no) \|)");
  int rows = 0;
  for (std::string line; std::getline(page, line);) {
    std::smatch match;
    if (!std::regex_search(line, match, row)) continue;
    ++rows;
    bool found = false;
    for (int32_t number = 1; number <= 34; ++number) {
      const Code code{number};
      if (CodeName(code) != match[1].str()) continue;
      found = true;
      EXPECT_EQ(std::to_string(CodeNumber(code)), match[2].str()) << line;
      EXPECT_EQ(IsRetryable(code), match[3].str() == "yes") << line;
    }
    EXPECT_TRUE(found) << line;
  }
  EXPECT_EQ(rows, 13);
}

TEST(Result, HoldsAValueOrAStatus) {
  Result<std::unique_ptr<int>> value = std::make_unique<int>(7);
  ASSERT_TRUE(value.ok());
  EXPECT_TRUE(value.status().ok());
  const std::unique_ptr<int> taken = std::move(*value);
  EXPECT_EQ(*taken, 7);

  const Result<int> failed = Status::Internal("broken");
  EXPECT_FALSE(failed.ok());
  EXPECT_EQ(failed.status().code(), Code::kInternal);
}

}  // namespace
}  // namespace darkroom
