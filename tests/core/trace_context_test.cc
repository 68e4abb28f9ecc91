// SPDX-License-Identifier: Apache-2.0

#include "core/trace_context.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace darkroom {
namespace {

constexpr const char* kTrace = "0af7651916cd43dd8448eb211c80319c";
constexpr const char* kSpan = "b7ad6b7169203331";

std::string Parent(const std::string& flags) {
  return std::string("00-") + kTrace + "-" + kSpan + "-" + flags;
}

TEST(TraceContextTest, IsReadAndWritten) {
  const TraceContext context = ParseTraceContext(Parent("01"), "");
  ASSERT_TRUE(context);
  EXPECT_EQ(context.trace_id, kTrace);
  EXPECT_EQ(context.span_id, kSpan);
  EXPECT_TRUE(context.sampled);
  EXPECT_EQ(context.Parent(), Parent("01"));
}

TEST(TraceContextTest, OfTheFlagsOneBitCounts) {
  EXPECT_FALSE(ParseTraceContext(Parent("00"), "").sampled);
  EXPECT_FALSE(ParseTraceContext(Parent("02"), "").sampled);
  EXPECT_TRUE(ParseTraceContext(Parent("03"), "").sampled);
  EXPECT_TRUE(ParseTraceContext(Parent("ff"), "").sampled);
  EXPECT_EQ(ParseTraceContext(Parent("ff"), "").Parent(), Parent("01"));
}

TEST(TraceContextTest, AVersionToComeMaySayMore) {
  const std::string rest = std::string("-") + kTrace + "-" + kSpan + "-01";
  EXPECT_TRUE(ParseTraceContext("cc" + rest, ""));
  EXPECT_TRUE(ParseTraceContext("cc" + rest + "-what-the-future", ""));
  EXPECT_FALSE(ParseTraceContext("cc" + rest + ".what", ""));
  EXPECT_FALSE(ParseTraceContext("ff" + rest, ""));
  EXPECT_FALSE(ParseTraceContext("00" + rest + "-more", ""));
  // What is told on is what we know.
  EXPECT_EQ(ParseTraceContext("cc" + rest + "-x", "").Parent(), Parent("01"));
}

TEST(TraceContextTest, WhatIsMalformedIsNone) {
  const std::string trace = kTrace;
  const std::string span = kSpan;
  const std::string zeros(32, '0');
  const std::vector<std::string> wrong = {"",
                                          "00",
                                          "00-" + trace + "-" + span,
                                          "00-" + trace + "-" + span + "-",
                                          "00-" + trace + "-" + span + "-1",
                                          "00-" + trace + "-" + span + "-0x",
                                          "00-" + trace + "-" + span + "-011",
                                          "0-" + trace + "-" + span + "-001",
                                          "00-" + zeros + "-" + span + "-01",
                                          "00-" + trace + "-0000000000000000-01",
                                          "00-" + trace.substr(1) + "G-" + span + "-01",
                                          "00-0AF7651916CD43DD8448EB211C80319C-" + span + "-01",
                                          "00_" + trace + "-" + span + "-01",
                                          "00-" + trace + "_" + span + "-01",
                                          "00-" + trace + "-" + span + "_01",
                                          std::string(4000, '-'),
                                          std::string(55, '\0')};
  for (const std::string& one : wrong) EXPECT_FALSE(ParseTraceContext(one, "a=b")) << one;
}

TEST(TraceContextTest, StateIsPassedOnIfItIsOne) {
  const auto state = [](const std::string& text) {
    return ParseTraceContext(Parent("01"), text).state;
  };
  EXPECT_EQ(state("congo=t61rcWkgMzE"), "congo=t61rcWkgMzE");
  EXPECT_EQ(state(" rojo=00f067aa0ba902b7,t@congo=a:b/c , "),
            "rojo=00f067aa0ba902b7,t@congo=a:b/c ,");
  std::string many = "k0=v";
  for (int i = 1; i < 32; ++i) many += ",k" + std::to_string(i) + "=v";
  EXPECT_EQ(state(many), many);
  for (const std::string& wrong :
       {many + ",one=more", std::string("no value"), std::string("Upper=x"), std::string("a="),
        std::string("=b"), std::string("a=b=c"), std::string("a=b\nX: y"), std::string(","),
        "a=" + std::string(600, 'x')}) {
    const TraceContext context = ParseTraceContext(Parent("01"), wrong);
    EXPECT_TRUE(context) << wrong;
    EXPECT_EQ(context.state, "") << wrong;
  }
}

TEST(TraceContextTest, APartOfTheTracesIsTaken) {
  const std::string least = std::string(32, '0');
  const std::string middle = std::string(18, 'f') + "80000000000000";
  const std::string most = std::string(32, 'f');
  EXPECT_TRUE(IsInSample(least, 0.01));
  EXPECT_FALSE(IsInSample(least, 0));
  EXPECT_FALSE(IsInSample(middle, 0.5));
  EXPECT_TRUE(IsInSample(middle, 0.51));
  EXPECT_FALSE(IsInSample(most, 0.99));
  EXPECT_TRUE(IsInSample(most, 1));
}

}  // namespace
}  // namespace darkroom
