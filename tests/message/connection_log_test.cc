// SPDX-License-Identifier: Apache-2.0

#include "message/connection_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

namespace darkroom {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class ConnectionLogTest : public testing::Test {
 protected:
  ConnectionLogTest() { logger_.set_pattern("%l %v"); }

  std::ostringstream text_;
  Logger logger_{"test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)};
  ConnectionLog log_{logger_};
};

TEST_F(ConnectionLogTest, TheSameIsToldOnceAndCountedEachTime) {
  for (int i = 0; i < 40; ++i) log_.Note(NatsTrouble::kPermission, "replies", "not to 'a'");
  log_.Note(NatsTrouble::kPermission, "replies", "not to 'b'");
  log_.Note(NatsTrouble::kPermission, "intake", "not to 'a'");
  EXPECT_EQ(log_.Count(NatsTrouble::kPermission), 42U);
  EXPECT_EQ(log_.Count(NatsTrouble::kLogin), 0U);
  const std::string text = text_.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  EXPECT_THAT(text, StartsWith("error NATS, connection for replies: not to 'a' (let the server"));
  ASSERT_EQ(log_.Entries().size(), 3U);
  EXPECT_EQ(log_.Entries()[0].times, 40U);
  EXPECT_EQ(log_.Entries()[2].connection, "intake");
}

TEST_F(ConnectionLogTest, WhatIsNewestIsKept) {
  for (int i = 0; i < 100; ++i) {
    log_.Note(NatsTrouble::kSlowConsumer, "intake", "number " + std::to_string(i));
  }
  log_.Note(NatsTrouble::kSlowConsumer, "intake", "number 95");
  ASSERT_EQ(log_.Entries().size(), 16U);
  EXPECT_EQ(log_.Entries().back().what, "number 95");
  EXPECT_EQ(log_.Entries().back().times, 2U);
  EXPECT_EQ(log_.Entries().front().what, "number 84");
  EXPECT_EQ(log_.Count(NatsTrouble::kSlowConsumer), 101U);
}

TEST_F(ConnectionLogTest, WhatPassesByItselfIsAWarning) {
  log_.Note(NatsTrouble::kLameDuck, "intake", "a:4222 is about to stop");
  EXPECT_THAT(text_.str(), HasSubstr("warning NATS, connection for intake: a:4222"));
  EXPECT_EQ(NatsTroubleName(log_.Entries().front().kind), "lame_duck");
}

}  // namespace
}  // namespace darkroom
