// SPDX-License-Identifier: Apache-2.0

#include "core/log.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace darkroom {
namespace {

TEST(Log, WritesOneJsonObjectALine) {
  const auto log = MakeLogger("info", LogFormat::kJson);
  ASSERT_TRUE(log.ok());
  testing::internal::CaptureStderr();
  (*log)->info("said \"so\" \xff");
  (*log)->debug("not at this level");
  (*log)->flush();
  const std::string line = testing::internal::GetCapturedStderr();
  ASSERT_EQ(line.find('\n'), line.size() - 1);
  const auto parsed = nlohmann::json::parse(line);
  EXPECT_EQ(parsed["level"], "info");
  EXPECT_EQ(parsed["message"], "said \"so\" \xef\xbf\xbd");
}

TEST(Log, RefusesAnUnknownLevel) {
  EXPECT_EQ(MakeLogger("loud", LogFormat::kText).status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace darkroom
