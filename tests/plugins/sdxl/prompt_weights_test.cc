// SPDX-License-Identifier: Apache-2.0

#include "sdxl/prompt_weights.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <darkroom/plugin.hpp>
#include <string>
#include <vector>

namespace darkroom::sdxl {
namespace {

// "text*weight|...", for short.
std::string Parsed(std::string_view prompt) {
  std::string all;
  for (const WeightedText& part : ParseWeights(prompt)) {
    char weight[32];
    std::snprintf(weight, sizeof weight, "*%.4g", part.weight);
    all += (all.empty() ? "" : "|") + part.text + weight;
  }
  return all;
}

TEST(PromptWeights, BracketsAndNumbers) {
  EXPECT_EQ(Parsed("a cube"), "a cube*1");
  EXPECT_EQ(Parsed(""), "*1");
  EXPECT_EQ(Parsed("a (red) cube"), "a *1|red*1.1| cube*1");
  EXPECT_EQ(Parsed("a (red:1.3) cube"), "a *1|red*1.3| cube*1");
  EXPECT_EQ(Parsed("a [red] cube"), "a *1|red*0.9091| cube*1");
  EXPECT_EQ(Parsed("(red: 0.5 )"), "red*0.5");
  EXPECT_EQ(Parsed("(red:+2)(blue:-1)(grey:.5)(x:+-1)"), "red*2|blue*-1|grey*0.5|x:+-1*1.1");
}

TEST(PromptWeights, BracketsWithinEachOtherMultiply) {
  EXPECT_EQ(Parsed("((red))"), "red*1.21");
  EXPECT_EQ(Parsed("(a (red:2) cube:1.5)"), "a *1.5|red*3| cube*1.5");
  EXPECT_EQ(Parsed("([red])"), "red*1");
  EXPECT_EQ(Parsed("(a [red) cube]"), "a *1.1|red*1| cube*0.9091");
}

TEST(PromptWeights, NeighboursOfOneWeightAreOnePart) {
  EXPECT_EQ(Parsed("(red:2)(blue:2)"), "redblue*2");
}

TEST(PromptWeights, WhatIsOpenGoesToTheEnd) {
  EXPECT_EQ(Parsed("a (red cube"), "a *1|red cube*1.1");
  EXPECT_EQ(Parsed("a [red (cube"), "a *1|red *0.9091|cube*1");
}

TEST(PromptWeights, WhatIsNoWeightIsText) {
  EXPECT_EQ(Parsed("a) cube]"), "a) cube]*1");
  EXPECT_EQ(Parsed("time: 12:30"), "time: 12:30*1");
  EXPECT_EQ(Parsed("(a ratio of 16:9 b)"), "a ratio of 16:9 b*1.1");
  EXPECT_EQ(Parsed("(red:1.2.3)"), "red:1.2.3*1.1");
  EXPECT_EQ(Parsed("(red:)"), "red:*1.1");
  EXPECT_EQ(Parsed("[red:1.3]"), "red:1.3*0.9091");
  EXPECT_EQ(Parsed("(red:inf)(blue:nan)"), "red:infblue:nan*1.1");
}

TEST(PromptWeights, EscapesAreTheCharacter) {
  EXPECT_EQ(Parsed(R"(a \(red\) \[cube\] \\ \x)"), R"(a (red) [cube] \ \x*1)");
  EXPECT_EQ(Parsed(R"((smile \(happy\):1.5))"), "smile (happy)*1.5");
  EXPECT_EQ(Parsed("a\\"), "a\\*1");
}

TEST(PromptWeights, ThoseBeyondReasonAreRefused) {
  EXPECT_THROW(ParseWeights("(red:101)"), Error);
  EXPECT_THROW(ParseWeights("((red:50):-3)"), Error);
  EXPECT_THROW(ParseWeights(std::string(100, '(') + "red"), Error);
  EXPECT_NO_THROW(ParseWeights("(red:-100)"));
}

}  // namespace
}  // namespace darkroom::sdxl
